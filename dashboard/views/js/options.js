// Which fitter, and its options, each with its explanation.

export function render({model}) {
  const root = el("section", {class: "stack", "aria-label": "Fitter"})
  let open = false

  function control(row, id) {
    const send = (value) => model.send_msg({type: "option", name: row.name, value})
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

  function option(row) {
    const id = `help-${row.name}`
    const changed = String(row.value) !== String(row.default)
    return el("div", {class: `option ${row.kind}`},
      el("div", {class: "row"}, el("span", {class: `grow ${changed ? "changed" : ""}`, "aria-hidden": "true"}, row.label), control(row, id)),
      el("p", {class: "muted small", id}, row.help))
  }

  function draw() {
    const choice = el("select", {class: "field fitter", "aria-label": "Fitter", "aria-describedby": "summary",
                                 onchange: () => model.send_msg({type: "fitter", fitter: choice.value})})
    for (const [key, title] of model.fitters) choice.add(new Option(title, key, false, key === model.fitter))
    const error = model.error ? [el("div", {role: "alert"}, note("bad", model.error))] : []
    const options = el("details", {open, ontoggle: () => { open = options.open }}, el("summary", {class: "small"}, "Options"),
      el("div", {class: "options", role: "group", "aria-label": "Options of the fitter"}, ...error, ...model.rows.map(option)))
    root.replaceChildren(el("h2", {class: "section"}, "Fit"), choice, el("p", {class: "muted small", id: "summary"}, model.summary), options)
  }
  for (const name of ["fitters", "fitter", "rows", "error"]) model.on(name, draw)
  draw()
  return root
}
