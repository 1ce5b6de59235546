// Against what the race is drawn.

export function render({model}) {
  const root = el("div", {class: "row tight", role: "group", "aria-label": "Race against"})
  function draw() {
    root.replaceChildren(...model.axes.map(([key, title]) => el("button", {type: "button", class: "btn small",
      "aria-pressed": String(key === model.shown), onclick: () => model.send_msg({type: "axis", axis: key})}, title)))
  }
  const redraw = patient(root, draw)
  model.on("axes", redraw)
  model.on("shown", redraw)
  draw()
  return root
}
