// The project's name in the header, to be changed in place.

export function render({model}) {
  const root = el("div", {class: "crumb-box"})
  function draw() {
    document.title = `${model.title} · Residua`
    const name = el("h1", {class: "ellipsis", title: model.title}, model.title)
    root.replaceChildren(el("span", {class: "muted", "aria-hidden": "true"}, "/"), name, icon_button("Rename project", "pencil", edit))
  }
  function edit() {
    const field = el("input", {class: "field", value: model.title, maxlength: "120", "aria-label": "Name of the project"})
    let left = false
    const finish = (keep) => {
      if (left) return
      left = true
      const typed = field.value.trim()
      if (keep && typed && typed !== model.title) model.send_msg({type: "title", title: typed})
      draw()
    }
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") finish(true)
      if (event.key === "Escape") { event.stopPropagation(); finish(false) }
    })
    field.addEventListener("blur", () => finish(true))
    root.replaceChildren(el("span", {class: "muted", "aria-hidden": "true"}, "/"), field)
    field.select()
    field.focus()
  }
  model.on("title", draw)
  draw()
  return root
}
