// Sections of a page as tabs: up and down move, [ and ] from anywhere. The address says what is shown, to be kept or sent.

export function render({model}) {
  const list = el("div", {class: "sections", role: "tablist", "aria-label": "Sections", "aria-orientation": "vertical"})
  const choose = (key) => model.send_msg({type: "section", section: key})

  function step(by) {
    const keys = model.sections.map(([key]) => key)
    const next = keys[(Math.max(0, keys.indexOf(model.shown)) + by + keys.length) % keys.length]
    if (next) choose(next)
    return next
  }
  function draw() {
    const had_focus = list.contains(list.getRootNode().activeElement)
    list.replaceChildren(...model.sections.map(([key, title]) => el("button", {type: "button", role: "tab", class: "tab",
      "aria-selected": String(key === model.shown), tabindex: key === model.shown ? "0" : "-1", onclick: () => choose(key)}, title)))
    if (had_focus) list.querySelector('[aria-selected="true"]')?.focus()
  }
  list.addEventListener("keydown", (event) => {
    const by = {ArrowDown: 1, ArrowUp: -1}[event.key]
    if (by) { step(by); event.preventDefault() }
  })
  const on_key = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
    const target = event.composedPath()[0]
    if (target instanceof HTMLElement && (["SELECT", "TEXTAREA"].includes(target.tagName)
      || (target.tagName === "INPUT" && !["checkbox", "range"].includes(target.type)))) return
    if (event.key === "[" || event.key === "]") step(event.key === "]" ? 1 : -1)
    else if (event.key === "Escape") model.send_msg({type: "escape"})
    else if (event.key === "?") model.send_msg({type: "help"})
    else return
    event.preventDefault()
  }
  document.addEventListener("keydown", on_key)
  const address = () => { if (model.query != null) history.replaceState(null, "", location.pathname + model.query) }

  const redraw = patient(list, draw)
  model.on("sections", redraw)
  model.on("shown", redraw)
  model.on("query", address)
  model.on("remove", () => document.removeEventListener("keydown", on_key))
  draw()
  return list
}
