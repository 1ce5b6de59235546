// The fitters: a tick runs one, its name opens its explanation and its options.

export function render({model}) {
  const root = el("section", {class: "stack", "aria-label": "Fitters"})
  let options_open = false
  let more_open = false

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
                               spellcheck: "false", placeholder: row.default, onchange: () => { field.defaultValue = field.value; send(field.value) }})
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

  function members() {
    return el("div", {class: "stack chain"}, ...model.members.map((member, place) => {
      const label = place === 0 ? "First fitter of the chain" : "Second fitter of the chain"
      const list = el("select", {class: "field", "aria-label": label, onchange: () => model.send_msg({type: "member", place, key: list.value})})
      for (const one of model.fitters) if (one.key !== "chain") list.add(new Option(one.title, one.key, false, one.key === member))
      return list
    }))
  }

  function details() {
    const parts = [el("p", {class: "muted small"}, model.summary)]
    if (model.members.length) parts.push(members())
    if (model.error) parts.push(el("div", {role: "alert"}, note("bad", model.error)))
    if (model.rows.length) {
      const fold = el("details", {open: options_open || Boolean(model.error), ontoggle: () => { options_open = fold.open }},
        el("summary", {class: "small"}, "Options"),
        el("div", {class: "options", role: "group", "aria-label": "Options of the fitter"}, ...model.rows.map(option)))
      parts.push(fold)
    }
    return el("div", {class: "stack fitter-about"}, ...parts)
  }

  function item(one) {
    const open = one.key === model.opened
    const box = el("input", {type: "checkbox", "aria-label": `Run ${one.title}`, onchange: () => model.send_msg({type: "tick", key: one.key, on: box.checked})})
    box.checked = one.ticked
    return el("li", {class: `fitter-item ${open ? "open" : ""}`},
      el("div", {class: "row"}, box,
        el("button", {type: "button", class: "pick grow", "aria-expanded": String(open), onclick: () => model.send_msg({type: "open", key: one.key})},
          el("span", {class: "dot", style: `background:${one.color}`}), el("span", {class: "ellipsis grow"}, one.title)),
        el("span", {class: "muted small num cost", title: `${one.forecast}, from the measured cost of one model of this image`}, one.forecast.replace("about", "≈").replace("under", "<"))),
      open ? details() : null)
  }

  function draw() {
    const first = model.fitters.filter((one) => one.compared)
    const rest = model.fitters.filter((one) => !one.compared)
    if (rest.some((one) => one.ticked || one.key === model.opened)) more_open = true
    const more = el("details", {open: more_open, ontoggle: () => { more_open = more.open }},
      el("summary", {class: "small"}, `${rest.length} more`), el("ul", {class: "items", "aria-label": "More fitters"}, ...rest.map(item)))
    root.replaceChildren(el("h2", {class: "section"}, "Fit with"), el("ul", {class: "items", "aria-label": "Fitters"}, ...first.map(item)))
    if (rest.length) root.append(more)
  }
  const redraw = patient(root, draw, ".options input.field")
  for (const name of ["fitters", "opened", "summary", "rows", "members", "error"]) model.on(name, redraw)
  draw()
  return root
}
