// Selecting draws without a mouse: a parameter and the range it is to lie in. With one, box and lasso do it in the plot.

export function render({model}) {
  const field = el("select", {class: "field", "aria-label": "Select by parameter"})
  const low = el("input", {class: "field number num", inputmode: "decimal", "aria-label": "Select from", placeholder: "from"})
  const high = el("input", {class: "field number num", inputmode: "decimal", "aria-label": "Select to", placeholder: "to"})
  const value = (input) => { const typed = input.value.trim().replace("−", "-"); return typed === "" || Number.isNaN(Number(typed)) ? null : Number(typed) }
  const apply = () => model.send_msg({type: "range", name: field.value, low: value(low), high: value(high)})
  const clear = el("button", {type: "button", class: "btn small", onclick: () => model.send_msg({type: "clear"})}, "Clear selection")
  const count = el("span", {class: "muted", role: "status"})
  for (const input of [low, high]) input.addEventListener("keydown", (event) => { if (event.key === "Enter") apply() })

  function draw() {
    const before = field.value
    field.replaceChildren(...model.names.map(([name, label]) => el("option", {value: name}, label)))
    if (model.names.some(([name]) => name === before)) field.value = before
    count.textContent = model.count ? `${model.count} of ${model.total} draws selected` : "Drag a box or draw a lasso to select draws, or give a range."
    clear.hidden = !model.count
  }
  for (const name of ["names", "count", "total"]) model.on(name, draw)
  draw()
  return el("div", {class: "brush", role: "group", "aria-label": "Select draws"}, field, low, "–", high,
    el("button", {type: "button", class: "btn small", onclick: apply}, "Select"), clear, count)
}
