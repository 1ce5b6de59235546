// Fit, Cancel, and one line on how far a running fit is.

export function render({model}) {
  const fit = el("button", {type: "button", class: "main-button grow", onclick: () => model.send_msg({type: "fit"})}, "Fit")
  const cancel = el("button", {type: "button", class: "btn cancel", onclick: () => model.send_msg({type: "cancel"})}, "Cancel")
  const line = el("div", {class: "row num small progress-line"})
  const root = el("div", {class: "stack", role: "group", "aria-label": "Run the fit"}, el("div", {class: "row"}, fit, cancel), line)

  function draw() {
    fit.disabled = model.running
    fit.textContent = model.running ? "Fitting …" : "Fit"
    cancel.hidden = !model.running
    const {number, chi2_dof, seconds} = model.step
    line.hidden = !model.running || number == null
    if (!line.hidden) {
      line.replaceChildren(el("span", {}, "step ", el("b", {}, String(number))),
        el("span", {class: "grow"}, "χ²/dof ", el("b", {}, Number(chi2_dof).toPrecision(5))), el("span", {}, `${Number(seconds).toFixed(2)} s`))
    }
  }
  model.on("running", draw)
  model.on("step", draw)
  draw()
  return root
}
