// The buttons that start fits, and what the ticked ones will cost.

export function render({model}) {
  const fit = el("button", {type: "button", class: "main-button grow", title: "Run the ticked fitters (f)", onclick: () => send("fit")}, "Fit")
  const all = el("button", {type: "button", class: "btn all", onclick: () => send("all"),
                            title: "Run the seven compared fitters from these values, and compare them"}, "Run all fitters")
  const choice = (label, title) => el("select", {class: "field grow", "aria-label": label, title,
    onchange: () => model.send_msg({type: "compute", device: device.value, precision: precision.value})})
  const device = choice("Device", "Where the fit is computed")
  const precision = choice("Precision", "Of brightnesses and derivatives; sums are always float64")
  const options = (select, all, value) => {
    select.replaceChildren(...all.map((one) => el("option", {value: one.value}, one.label)))
    select.value = value
  }
  const line = el("p", {class: "muted small num forecast", role: "status"})
  const root = el("div", {class: "stack", role: "group", "aria-label": "Run the fit"},
                  el("div", {class: "row"}, fit, all), el("div", {class: "row"}, device, precision), line)
  const send = (type) => { fit.disabled = all.disabled = true; model.send_msg({type}) }

  function draw() {
    fit.disabled = all.disabled = model.busy
    line.textContent = model.forecast
    line.hidden = !model.forecast
    options(device, model.devices, model.device)
    options(precision, ["float64", "float32"].map((value) => ({value, label: value})), model.precision)
  }
  model.on("busy", draw)
  model.on("asked", draw)
  for (const name of ["forecast", "devices", "device", "precision"]) model.on(name, draw)
  model.on("go", () => { if (model.go) window.location.assign(model.go) })
  draw()
  return root
}
