// Shortcuts of the page. Letters typed into a field stay there.

export function render({model}) {
  const viewer = {1: "data", 2: "model", 3: "pull", 4: "residual", 5: "sigma", 6: "mask", 7: "psf", p: "profiles", b: "blink", c: "crosshair",
                  0: "home", "+": "zoom_in", "=": "zoom_in",
                  "-": "zoom_out"}
  const arrows = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]}
  // In a field, a list or a dialog the arrows are for moving about there.
  const in_page = (event) => ["BODY", "HTML", "BUTTON", "DIV"].includes(event.composedPath()[0].tagName)
  const on_key = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
    const in_dialog = event.composedPath().some((node) => node.getAttribute?.("role") === "dialog")
    if (event.key === "Escape" && in_dialog) return  // it closes the dialog, and must not end a fit besides
    if (event.key === "Escape") { model.send_msg({key: "escape"}); return }
    if (typing(event)) return
    if (viewer[event.key]) window.dispatchEvent(new CustomEvent("residua:viewer", {detail: viewer[event.key]}))
    else if (event.key === "f") model.send_msg({key: "fit"})
    else if (event.key === "z") model.send_msg({key: "undo"})
    else if (event.key === "Z") model.send_msg({key: "redo"})
    else if (event.key === "s") model.send_msg({key: "snap"})
    else if (arrows[event.key] && in_page(event) && !in_dialog) {
      const [dx, dy] = arrows[event.key].map((step) => step * (event.shiftKey ? 0.1 : 1))
      model.send_msg({key: "nudge", dx, dy})
    } else if (event.key === "?") model.send_msg({key: "help"})
    else return
    event.preventDefault()
  }
  document.addEventListener("keydown", on_key)
  model.on("remove", () => document.removeEventListener("keydown", on_key))
  const root = document.createElement("div")
  root.hidden = true
  return root
}
