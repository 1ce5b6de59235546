// Scrubs through frames. While it plays, the next frame is asked for when the last one has been drawn, so it never runs ahead.

export function render({model}) {
  let playing = false, timer = 0, wanted = model.frame
  const play = el("button", {type: "button", class: "btn", onclick: () => toggle()}, "Play")
  const range = el("input", {type: "range", min: "0", step: "1", "aria-label": "Draw", oninput: () => go(Number(range.value))})
  const count = el("span", {class: "count num muted", role: "status"})
  const order = el("select", {class: "field", "aria-label": "Order of the draws", onchange: () => model.send_msg({type: "order", order: order.value})},
    el("option", {value: "drawn"}, "as drawn"), el("option", {value: "weakest"}, "along the weakest direction"))
  const step = (by) => go((wanted + by + model.frames) % model.frames)

  function go(frame) {
    wanted = Math.max(0, Math.min(model.frames - 1, frame))
    range.value = String(wanted)
    ask()
  }
  let asked = null, patience = 0
  function ask() {
    if (asked != null) return  // one at a time: the newest wish goes out when it comes back
    if (wanted === model.arrived) return
    asked = wanted
    model.send_msg({type: "frame", frame: wanted})
    clearTimeout(patience)
    patience = setTimeout(() => { asked = null; ask() }, 3000)  // a busy server may have dropped it: ask again
  }
  function toggle(on = !playing) {
    playing = on
    play.textContent = playing ? "Pause" : "Play"
    play.setAttribute("aria-pressed", String(playing))
    clearTimeout(timer)
    if (playing) step(1)
  }
  function arrived() {
    asked = null
    clearTimeout(patience)
    count.textContent = model.words
    range.setAttribute("aria-valuetext", model.words)
    if (playing) { clearTimeout(timer); timer = setTimeout(() => { if (playing) step(1) }, 80) }
    else if (wanted !== model.arrived) ask()
  }
  function draw() {
    range.max = String(Math.max(0, model.frames - 1))
    order.value = model.order
    if (model.frame !== wanted && !playing && asked == null) { wanted = model.frame }
    range.value = String(wanted)
  }
  const on_key = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
    if (!root.isConnected || root.offsetParent === null) return
    const target = event.composedPath()[0]
    if (target instanceof HTMLElement && (["SELECT", "TEXTAREA"].includes(target.tagName) || target.type === "text")) return
    if (event.key === "ArrowRight") step(1)
    else if (event.key === "ArrowLeft") step(-1)
    else if (event.key === " " && target?.tagName !== "BUTTON" && target?.type !== "checkbox") toggle()
    else return
    event.preventDefault()
  }
  document.addEventListener("keydown", on_key)
  for (const name of ["frames", "frame", "order"]) model.on(name, draw)
  model.on("arrived", arrived)
  model.on("words", () => { count.textContent = model.words })
  model.on("remove", () => { document.removeEventListener("keydown", on_key); clearTimeout(timer); clearTimeout(patience) })
  const root = el("div", {class: "player", role: "group", "aria-label": "Film strip"}, play, range, count, el("label", {class: "row small muted"}, "Order", order))
  draw()
  arrived()
  return root
}
