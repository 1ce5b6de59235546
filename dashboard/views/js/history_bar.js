// Which column of the history is drawn.

export function render({model}) {
  const field = el("select", {class: "field", "aria-label": "Column of the history", onchange: () => model.send_msg({type: "column", name: field.value})})
  function draw() {
    field.replaceChildren(...model.names.map((name) => el("option", {value: name}, name.replaceAll("_", " "))))
    field.value = model.shown
  }
  model.on("names", draw)
  model.on("shown", draw)
  draw()
  return el("div", {class: "row"}, el("span", {class: "muted small"}, "against step:"), field)
}
