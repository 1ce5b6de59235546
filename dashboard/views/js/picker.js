// What a corner plot shows: which runs, which parameters by component, which pair alone.

export function render({model}) {
  const root = el("div", {class: "stack picker"})
  // Half a pair is nobody's business but ours, and must outlast what else is drawn anew.
  let chosen_pair = [...model.pair]

  function check(label, checked, on_change, attributes = {}) {
    const box = el("input", {type: "checkbox", onchange: () => on_change(box.checked), ...attributes})
    box.checked = checked
    return [box, el("label", {class: "check"}, box, el("span", {class: "ellipsis"}, label))]
  }
  function runs() {
    if (!model.runs.length) return null
    const items = model.runs.map((run) => {
      const [box, label] = check(run.title, run.chosen, (on) => model.send_msg({type: "overlay", id: run.id, on}), {"aria-label": `Overlay ${run.title} ${run.when}`})
      label.insertBefore(el("span", {class: "dot", style: `background:${run.color}`}), box.nextSibling)
      label.append(el("span", {class: "muted small num nowrap"}, run.when))
      label.title = run.message
      return el("li", {}, label)
    })
    return el("section", {class: "stack tight", "aria-label": "Overlay other runs"}, el("h2", {class: "section"}, "Overlay"), el("ul", {class: "checks"}, ...items))
  }
  function group(component) {
    const chosen = component.parameters.filter((one) => one.chosen).length
    const [all, label] = check(component.name, chosen > 0,
      (on) => model.send_msg({type: "choose", names: component.parameters.map((one) => one.name), on}), {"aria-label": `All of ${component.name}`})
    all.indeterminate = chosen > 0 && chosen < component.parameters.length
    label.classList.add("strong")
    return el("li", {}, label, el("ul", {class: "checks flow"}, ...component.parameters.map((one) =>
      el("li", {title: one.help}, check(one.label, one.chosen, (on) => model.send_msg({type: "choose", names: [one.name], on}),
        {"aria-label": `${component.name} ${one.label}`})[1]))))
  }
  function pair() {
    const names = model.groups.flatMap((group) => group.parameters.map((one) => [one.name, `${group.name} ${one.label}`]))
    if (names.length < 2) return null
    const select = (place, label) => {
      const field = el("select", {class: "field grow", "aria-label": label})
      field.append(el("option", {value: ""}, "–"), ...names.map(([name, text]) => el("option", {value: name}, text)))
      field.value = chosen_pair[place] ?? ""
      field.addEventListener("change", () => { const values = chosen_pair = fields.map((one) => one.value)
        if ((values[0] && values[1] && values[0] !== values[1]) || !field.value) model.send_msg({type: "pair", pair: field.value ? values : []}) })
      return field
    }
    const fields = [select(0, "Pair, across"), select(1, "Pair, up")]
    const back = el("button", {type: "button", class: "btn small", onclick: () => model.send_msg({type: "pair", pair: []})}, "Back to all pairs")
    back.hidden = model.pair.length < 2
    return el("section", {class: "stack tight", "aria-label": "One pair"}, el("h2", {class: "section"}, "One pair"), ...fields, back)
  }
  function draw() {
    root.replaceChildren(...[runs(), el("section", {class: "stack tight", "aria-label": "Parameters"}, el("h2", {class: "section"}, "Parameters"),
      el("ul", {class: "checks groups"}, ...model.groups.map(group))), model.pairs ? pair() : null].filter(Boolean))
  }
  model.on("pair", () => { chosen_pair = [...model.pair] })
  const redraw = patient(root, draw)
  for (const name of ["runs", "groups", "pair", "pairs"]) model.on(name, redraw)
  draw()
  return root
}
