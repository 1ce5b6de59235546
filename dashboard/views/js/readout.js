// The line of values under the cursor. Its slots keep their places whatever they hold.

const SLOTS = [["xy", "x, y"], ["data", "Data"], ["sigma", "σ"], ["model", "Model"], ["residual", "Residual"], ["pull", "Residual/σ"],
               ["component", "Brightest"], ["sky", "Sky"]]

function signed(value, digits) {
  return `${value >= 0 ? "+" : "−"}${Math.abs(value).toFixed(digits)}`
}

function make_readout() {
  const root = el("div", {class: "readout idle", role: "group", "aria-label": "Value under the cursor"})
  const slots = {}
  for (const [key, label] of SLOTS) {
    const name = el("span", {class: "muted"}, label)
    const value = el("span", {class: "num value"}, "–")
    root.append(el("span", {class: `slot ${key}`}, name, value))
    slots[key] = {name, value}
  }
  const hint = el("span", {class: "hint muted"})
  root.append(hint)
  return {
    root,
    idle(text) {
      hint.textContent = text
      root.classList.add("idle")
    },
    // pixel: see Pixels.read; component: {name, color} or null; place: see sky().
    show(x, y, pixel, component, place) {
      root.classList.remove("idle")
      const minus = (text) => text.replace(/^-/, "−")
      const texts = {
        xy: `${x.toFixed(1)}, ${y.toFixed(1)}`, data: minus(number(pixel.data)), sigma: pixel.masked ? "masked" : number(pixel.sigma, 4),
        model: minus(number(pixel.model)), residual: minus(number(pixel.residual, 4)),
        pull: pixel.pull == null ? "–" : signed(pixel.pull, 2), component: component?.name ?? "–", sky: place?.[1] ?? "–",
      }
      for (const key in texts) slots[key].value.textContent = texts[key]
      const dot = component ? el("span", {class: "dot", style: `background:${component.color}`}) : null
      if (dot) slots.component.value.prepend(dot)
      slots.sky.name.textContent = place?.[0] ?? "Sky"
    },
    has_sky(yes) { root.classList.toggle("no-sky", !yes) },
  }
}
