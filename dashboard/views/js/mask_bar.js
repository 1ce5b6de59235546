// Drawing the mask: box and ellipse by dragging, a polygon by clicks, on whichever image the pointer is.
//
// Pointers are taken before Bokeh sees them while a tool is chosen, so that the image neither pans nor gets a component.

const TOOLS = {
  box: ["Mask a box", "Drag a box over the pixels."],
  ellipse: ["Mask an ellipse", "Drag an ellipse over the pixels."],
  polygon: ["Mask a polygon", "Click the corners; Enter or the first corner closes it."],
}
const CLOSE = 9  // CSS pixels within which a click means the first corner

export function render({model, view}) {
  const doc = view.model.document
  let tool = ""
  let subtract = false
  let corners = []  // of what is being drawn, pixels of the image
  let anchor = null  // figure and corner where a drag began

  const figures = () => [...doc._all_models.values()].filter((one) => one.name?.startsWith?.("viewer-") && one.x_range && one.name !== "viewer-psf")
  const view_of = (figure) => Bokeh.index.find_one_by_id(figure.id)
  function under(event) {
    const path = event.composedPath()
    return figures().map(view_of).find((found) => found?.el && path.includes(found.el)) ?? null
  }
  function place(found, event) {
    const box = found.el.getBoundingClientRect()
    return [found.frame.x_scale.invert(event.clientX - box.left), found.frame.y_scale.invert(event.clientY - box.top)]
  }
  function distance(found, [x, y], event) {
    const box = found.el.getBoundingClientRect()
    return Math.hypot(box.left + found.frame.x_scale.compute(x) - event.clientX, box.top + found.frame.y_scale.compute(y) - event.clientY)
  }

  // --- shapes --------------------------------------------------------------------------------------------------
  function numbers([[x0, y0], [x1, y1]]) {
    const [w, h] = [Math.abs(x1 - x0), Math.abs(y1 - y0)]
    return tool === "box" ? [(x0 + x1) / 2, (y0 + y1) / 2, w, h, 0] : [(x0 + x1) / 2, (y0 + y1) / 2, w / 2, h / 2, 0]
  }
  function outline(points) {
    if (tool === "polygon" || points.length < 2) return points
    const [[x0, y0], [x1, y1]] = points
    if (tool === "box") return [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]
    return Array.from({length: 73}, (_, i) => [(x0 + x1) / 2 + (x1 - x0) / 2 * Math.cos(i * Math.PI / 36),
                                               (y0 + y1) / 2 + (y1 - y0) / 2 * Math.sin(i * Math.PI / 36)])
  }
  function show(points) {
    const data = points.length ? {xs: [points.map(([x]) => x)], ys: [points.map(([, y]) => y)]} : {xs: [], ys: []}
    doc.get_model_by_name("mask-draft")?.setv({data}, {sync: false})
  }
  function send(kind, values) {
    show(kind === "polygon" ? [...corners, corners[0]] : outline(corners))  // until the server has drawn the mask
    corners = []
    anchor = null
    // A hundredth of a pixel is finer than a hand; more digits only make the text of the regions hard to read.
    model.send_msg({type: "shape", kind, numbers: values.map((value) => Number(value.toFixed(2))), ignored: !subtract})
  }
  function drop() {
    corners = []
    anchor = null
    show([])
  }
  function close() {
    if (corners.length >= 3) send("polygon", corners.flat())
    else drop()
  }

  // --- pointers ------------------------------------------------------------------------------------------------
  function take(event) {
    event.preventDefault()
    event.stopImmediatePropagation()
  }
  function down(event) {
    const found = tool && event.button === 0 ? under(event) : null
    if (!found) return
    take(event)
    const here = place(found, event)
    if (tool !== "polygon") {
      anchor = found
      corners = [here, here]
    } else if (corners.length >= 3 && (distance(found, corners[0], event) < CLOSE || distance(found, corners.at(-1), event) < 3)) {
      close()
    } else {
      corners.push(here)
      show(corners)
    }
  }
  function move(event) {
    if (!corners.length) return
    const found = anchor ?? under(event)
    if (!found) return
    const here = place(found, event)
    if (tool === "polygon") show([...corners, here])
    else {
      corners[1] = here
      show(outline(corners))
    }
  }
  function up(event) {
    if (!anchor || !corners.length) return
    take(event)
    const size = distance(anchor, corners[0], event)
    if (size < 4) drop()
    else send(tool, numbers(corners))
  }
  const listeners = [["pointerdown", down], ["pointermove", move], ["pointerup", up], ["pointercancel", drop]]

  // --- keys ----------------------------------------------------------------------------------------------------
  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event) || !model.ready) return
    if (event.composedPath().some((node) => node.getAttribute?.("role") === "dialog")) return
    const names = ["", ...Object.keys(TOOLS)]
    if (event.key === "m") choose(names[(names.indexOf(tool) + 1) % names.length])
    else if (tool && event.key === "Escape") { if (corners.length) drop(); else choose("") }
    else if (corners.length && event.key === "Enter") close()
    else if (corners.length && event.key === "Backspace") { corners.pop(); show(corners) }
    else return
    event.preventDefault()
  }

  // --- buttons -------------------------------------------------------------------------------------------------
  const root = el("section", {class: "stack", "aria-label": "Mask"})
  const words = el("p", {class: "muted small num", role: "status"})
  const hint = el("span", {class: "muted small mask-hint"})
  const buttons = {}
  for (const [name, [label]] of Object.entries(TOOLS)) {
    buttons[name] = icon_button(label, name, () => choose(tool === name ? "" : name), {"aria-pressed": "false"})
  }
  const minus = icon_button("Draw to use pixels again", "minus", () => { subtract = !subtract; draw() }, {"aria-pressed": "false"})
  const invert = icon_button("Invert the drawn mask", "invert", () => model.send_msg({type: "invert"}))
  const clear = icon_button("Clear the drawn mask", "trash", () => model.send_msg({type: "clear"}))
  const text = el("button", {type: "button", class: "btn quiet small", title: "Regions as text: copy, paste, files of DS9",
                             onclick: () => model.send_msg({type: "regions"})}, "DS9 …")
  root.append(el("div", {class: "row"}, el("h2", {class: "section grow"}, "Mask"), text), words,
              el("div", {class: "row mask-tools", role: "toolbar", "aria-label": "Mask tools"}, ...Object.values(buttons), minus,
                 el("span", {class: "gap"}), invert, clear), hint)

  function choose(name) {
    drop()
    tool = name
    window.dispatchEvent(new CustomEvent("residua:tool", {detail: name}))  // components are not taken hold of meanwhile
    for (const found of figures().map(view_of)) if (found?.el) found.el.style.cursor = tool ? "crosshair" : ""
    draw()
  }
  function draw() {
    root.hidden = !model.ready
    for (const name in buttons) buttons[name].setAttribute("aria-pressed", String(name === tool))
    minus.setAttribute("aria-pressed", String(subtract))
    clear.disabled = model.drawn === 0
    words.textContent = model.words
    words.hidden = !model.words
    hint.hidden = !tool
    hint.textContent = tool ? `${TOOLS[tool][1]} ${subtract ? "They are used again." : ""} Esc ends.`.replace("  ", " ") : ""
  }

  for (const [name, act] of listeners) document.addEventListener(name, act, true)
  document.addEventListener("keydown", key, true)
  model.on("answered", () => { if (!corners.length) show([]) })
  for (const name of ["ready", "words", "drawn"]) model.on(name, draw)
  model.on("remove", () => {
    for (const [name, act] of listeners) document.removeEventListener(name, act, true)
    document.removeEventListener("keydown", key, true)
  })
  draw()
  return root
}
