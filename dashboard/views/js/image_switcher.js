// Which image of the project is worked on; nothing while there is only one.

export function render({model}) {
  const root = el("section", {class: "stack", "aria-label": "Image worked on"})

  function draw() {
    const several = model.names.length > 1
    root.hidden = !several
    if (!several) { root.replaceChildren(); return }
    const choice = el("select", {class: "field grow", "aria-label": "Image", onchange: () => model.send_msg({type: "switch", name: choice.value})})
    for (const name of model.names) choice.add(new Option(name, name, false, name === model.shown))
    const copy = el("select", {class: "field", "aria-label": "Copy the scene of", onchange: () => model.send_msg({type: "copy", name: copy.value})})
    copy.add(new Option("Copy scene from …", ""))
    for (const name of model.names) if (name !== model.shown) copy.add(new Option(name, name))
    root.replaceChildren(
      el("div", {class: "row"}, choice, icon_button(`Take the image ${model.shown} out`, "trash", () => model.send_msg({type: "remove"}))),
      copy,
      el("p", {class: "muted small"}, `One image is fitted at a time: ${model.shown}. The others keep their scenes.`))
  }
  const redraw = patient(root, draw)
  model.on("names", redraw)
  model.on("shown", redraw)
  draw()
  return root
}
