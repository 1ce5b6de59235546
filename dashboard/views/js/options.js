// The options of the chosen fitter, each with its explanation.

export function render({model}) {
  const root = el("section", {class: "options", "aria-label": "Options of the fitter"})

  function control(row, id) {
    const send = (value) => model.send_msg({name: row.name, value})
    const about = {"aria-describedby": id, "aria-label": row.label}
    if (row.kind === "switch") {
      const box = el("input", {type: "checkbox", ...about, onchange: () => send(box.checked)})
      box.checked = row.value
      return box
    }
    if (row.kind === "choice") {
      const list = el("select", {class: "field", ...about, onchange: () => send(list.value)})
      for (const choice of row.choices) list.add(new Option(choice, choice, false, choice === row.value))
      return list
    }
    const field = el("input", {class: `field ${row.kind === "number" ? "num" : ""}`, ...about, value: row.value, autocomplete: "off",
                               spellcheck: "false", placeholder: row.default, onchange: () => send(field.value)})
    if (row.kind === "number") field.inputMode = "decimal"
    return field
  }
  function draw() {
    const error = model.error ? [el("div", {role: "alert"}, note("bad", model.error))] : []
    root.replaceChildren(...error, ...model.rows.map((row) => {
      const id = `help-${row.name}`
      const changed = String(row.value) !== String(row.default)
      return el("div", {class: `option ${row.kind}`},
        el("div", {class: "row"}, el("span", {class: `grow ${changed ? "changed" : ""}`, "aria-hidden": "true"}, row.label), control(row, id)),
        el("p", {class: "muted small", id}, row.help))
    }))
  }
  model.on("rows", draw)
  model.on("error", draw)
  draw()
  return root
}
