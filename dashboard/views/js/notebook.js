// The notebook of a project: each action is a cell; people put cells in order, hide them, and write between them.

export function render({model}) {
  const root = el("div", {class: "notebook"})
  let writing = null  // {id} of the cell whose note is written, or {after}

  function editor(text, label, send) {
    const area = el("textarea", {class: "field note-field", rows: "4", "aria-label": label, placeholder: "Markdown, with formulae between dollar signs"})
    area.value = text
    const done = (keep) => { writing = null; if (keep) send(area.value); draw() }
    area.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { event.stopPropagation(); done(false) }
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey || event.shiftKey)) { event.preventDefault(); done(true) }
    })
    queueMicrotask(() => area.focus())
    return el("div", {class: "stack"}, area, el("div", {class: "row"},
      el("button", {type: "button", class: "btn", onclick: () => done(true)}, "Keep"),
      el("button", {type: "button", class: "btn quiet", onclick: () => done(false)}, "Cancel"),
      el("span", {class: "muted small"}, "Shift+Enter keeps, Esc cancels")))
  }

  function cell(one, place, all) {
    const about = `of ${one.title}`
    const tools = el("div", {class: "row tight cell-tools"},
      el("button", {type: "button", class: "btn quiet", "aria-label": `Move up: ${one.title}`, title: "Move up", disabled: place === 0,
                    onclick: () => model.send_msg({type: "move", id: one.id, by: -1})}, "↑"),
      el("button", {type: "button", class: "btn quiet", "aria-label": `Move down: ${one.title}`, title: "Move down", disabled: place === all - 1,
                    onclick: () => model.send_msg({type: "move", id: one.id, by: 1})}, "↓"),
      icon_button(`Annotate: ${one.title}`, "pencil", () => { writing = {id: one.id}; draw() }),
      el("button", {type: "button", class: "btn quiet", "aria-pressed": String(one.hidden), "aria-label": `${one.hidden ? "Show" : "Hide"}: ${one.title}`,
                    onclick: () => model.send_msg({type: "hide", id: one.id, hidden: !one.hidden})}, one.hidden ? "Show" : "Hide"))
    const box = el("section", {class: `entry ${one.hidden ? "hidden-entry" : ""}`, "aria-label": one.title},
      el("header", {class: "row"}, el("h2", {class: "grow ellipsis"}, one.title), el("span", {class: "muted small num"}, one.when), tools))
    if (writing?.id === one.id) box.append(editor(one.note, `Note ${about}`, (text) => model.send_msg({type: "annotate", id: one.id, text})))
    else if (one.note_html) { const note = el("div", {class: "prose"}); note.innerHTML = one.note_html; box.append(note) }
    if (one.moved) box.append(note("info", one.moved))
    if (!one.hidden && one.source) {
      const code = el("pre", {class: "code", "aria-label": `Source ${about}`})
      code.innerHTML = one.source
      box.append(el("div", {class: "source"}, code))
    }
    if (!one.hidden && one.outputs) { const output = el("div", {class: "outputs"}); output.innerHTML = one.outputs; box.append(output) }
    return box
  }

  function between(after, label) {
    if (writing && writing.after === after) return editor("", "New note", (text) => model.send_msg({type: "note", after, text}))
    return el("button", {type: "button", class: "btn quiet between", "aria-label": label, onclick: () => { writing = {after}; draw() }}, "+ note")
  }

  function draw() {
    const busy = Boolean(model.working)
    const give = (kind, label) => el("button", {type: "button", class: "btn", disabled: busy, onclick: () => model.send_msg({type: "export", kind})}, label)
    const head = el("header", {class: "stack"},
      el("h1", {}, model.title),
      el("p", {class: "lead"}, "Everything done in this project, as Python that runs again. Put it in order, write between, and take it with you."),
      el("div", {class: "row tools"}, give("html", "Export HTML"), give("zip", "Export notebook"), give("pdf", "Export PDF"),
        icon_button("Undo", "undo", () => model.send_msg({type: "undo"}), {disabled: !model.can_undo}),
        icon_button("Redo", "redo", () => model.send_msg({type: "redo"}), {disabled: !model.can_redo}),
        el("span", {class: "grow muted small", role: "status"}, model.working)),
      model.error ? el("div", {role: "alert"}, note("bad", model.error)) : null)
    const body = []
    if (!model.cells.length && !busy) {
      body.push(el("div", {class: "void"}, el("h2", {}, "Nothing was done here yet"),
        el("p", {class: "muted"}, "Load an image, add a component or press Fit: each becomes a cell of this notebook."),
        el("p", {}, el("a", {href: model.project}, "Open the workbench"))))
    } else {
      body.push(between("", "Add a note at the beginning"))
      model.cells.forEach((one, place) => body.push(cell(one, place, model.cells.length), between(one.id, `Add a note after ${one.title}`)))
    }
    root.replaceChildren(head, ...body)
  }

  const redraw = patient(root, () => { if (!writing) draw() })
  for (const name of ["cells", "working", "error", "can_undo", "can_redo", "title"]) model.on(name, redraw)
  model.on("download", () => {
    if (!model.download) return
    const link = el("a", {href: model.download, download: ""})
    root.append(link)
    link.click()
    link.remove()
  })
  const keys = (event) => {
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.composedPath()[0].tagName) || !(event.ctrlKey || event.metaKey)) return
    if (event.key === "z" && !event.shiftKey) { event.preventDefault(); model.send_msg({type: "undo"}) }
    if (event.key === "y" || (event.key === "Z" && event.shiftKey)) { event.preventDefault(); model.send_msg({type: "redo"}) }
  }
  document.addEventListener("keydown", keys)
  model.on("remove", () => document.removeEventListener("keydown", keys))
  draw()
  return root
}
