// The buttons that start fits, and what the ticked ones will cost.

export function render({model}) {
  const fit = el("button", {type: "button", class: "main-button grow", title: "Run the ticked fitters (f)", onclick: () => send("fit")}, "Fit")
  const all = el("button", {type: "button", class: "btn all", onclick: () => send("all"),
                            title: "Run the seven compared fitters from these values, and compare them"}, "Run all fitters")
  const line = el("p", {class: "muted small num forecast", role: "status"})
  const root = el("div", {class: "stack", role: "group", "aria-label": "Run the fit"}, el("div", {class: "row"}, fit, all), line)
  const send = (type) => { fit.disabled = all.disabled = true; model.send_msg({type}) }

  function draw() {
    fit.disabled = all.disabled = model.busy
    line.textContent = model.forecast
    line.hidden = !model.forecast
  }
  model.on("busy", draw)
  model.on("asked", draw)
  model.on("forecast", draw)
  model.on("go", () => { if (model.go) window.location.assign(model.go) })
  draw()
  return root
}
