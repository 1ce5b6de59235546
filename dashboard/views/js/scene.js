// The components of the scene: choose, rename, delete, add, undo, redo.

export function render({model}) {
  const root = el("section", {class: "stack", "aria-label": "Scene"})
  let renaming = null

  function rename(component, row) {
    renaming = component.name
    const field = el("input", {class: "field grow", value: component.name, "aria-label": `New name of ${component.name}`})
    let left = false
    const finish = (keep) => {
      if (left) return
      left = true
      renaming = null
      const name = field.value.trim()
      if (keep && name && name !== component.name) model.send_msg({type: "rename", name: component.name, to: name})
      redraw()
    }
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") finish(true)
      if (event.key === "Escape") { event.stopPropagation(); finish(false) }
    })
    field.addEventListener("blur", () => finish(true))
    row.replaceChildren(field)
    field.select()
    field.focus()
  }

  function item(component) {
    const row = el("li", {class: `item ${component.selected ? "selected" : ""}`})
    const choose = el("button", {type: "button", class: "pick grow", "aria-pressed": String(component.selected),
                                 onclick: () => model.send_msg({type: "select", name: component.name}),
                                 ondblclick: () => rename(component, row)},
      el("span", {class: "dot", style: `background:${component.color}`}),
      el("span", {class: "ellipsis"}, component.name), " ",
      el("span", {class: "muted small ellipsis kind"}, component.title))
    row.append(choose,
      el("span", {class: "tools"},
        icon_button(`Snap ${component.name} to its optimum`, "snap", () => model.send_msg({type: "snap", name: component.name}),
                    {title: "Snap to its optimum, the others held (s)"}),
        icon_button(`Rename ${component.name}`, "pencil", () => rename(component, row)),
        icon_button(`Delete ${component.name}`, "trash", () => model.send_msg({type: "remove", name: component.name}))))
    return row
  }

  function draw() {
    if (renaming !== null) return
    const head = el("div", {class: "row"},
      el("h2", {class: "section grow"}, "Scene"),
      icon_button("Undo", "undo", () => model.send_msg({type: "undo"}), {disabled: !model.can_undo, title: "Undo (z)"}),
      icon_button("Redo", "redo", () => model.send_msg({type: "redo"}), {disabled: !model.can_redo, title: "Redo (Shift+z)"}))
    const list = el("ul", {class: "items", "aria-label": "Components"}, ...model.components.map(item))
    const menu = el("select", {class: "field add", "aria-label": "Add component", disabled: !model.ready})
    menu.add(new Option("Add component …", "", true, true))
    const groups = {true: el("optgroup", {label: "Presets"}), false: el("optgroup", {label: "One component"})}
    for (const kind of model.models) {
      const option = new Option(kind.title, kind.key)
      option.title = kind.summary
      groups[kind.key.startsWith("preset ")].append(option)
    }
    menu.append(groups.true, groups.false)
    menu.onchange = () => { model.send_msg({type: "add", model: menu.value}); menu.value = "" }
    root.replaceChildren(head)
    if (model.components.length) root.append(list)
    else root.append(el("p", {class: "muted small"}, model.ready
      ? "No components yet. Click a galaxy in the image, or choose one here."
      : "Add an image first."))
    root.append(menu)
    if (model.placing) {
      root.append(el("div", {class: "note warn placing", role: "status"}, icon("plus"),
        el("span", {}, `Click the center of the ${model.placing} in an image. `,
          el("button", {type: "button", class: "link", onclick: () => model.send_msg({type: "stop"})}, "Stop"))))
    }
  }
  const redraw = patient(root, draw)
  for (const name of ["components", "models", "can_undo", "can_redo", "placing", "ready"]) model.on(name, redraw)
  draw()
  return root
}
