// Tool bar and readout of the linked image viewers.
//
// Everything a person does to look at an image happens here, in the browser: stretch, limits and colour maps swap
// the palettes of the colour mappers; pan and zoom are Bokeh's; the readout looks into the arrays already sent.

const N = 2048
const KINDS = ["data", "model", "residual"]
const STRETCHES = {
  linear: (t) => t,
  asinh: (t) => Math.asinh(t / 0.03) / Math.asinh(1 / 0.03),
  log: (t) => Math.log1p(1000 * t) / Math.log1p(1000),
  sqrt: Math.sqrt,
}
const STORE = "residua.viewer"

function warp(palette, stretch) {
  const last = palette.length - 1
  return Array.from({length: N}, (_, i) => palette[Math.round(last * stretch(i / (N - 1)))])
}

// Ranges that show the whole image with square pixels in a frame of this size.
function whole(extent, width, height) {
  return squared(extent.x0, extent.x1, extent.y0, extent.y1, width, height)
}

function squared(x0, x1, y0, y1, width, height) {
  const unit = Math.max(Math.abs(x1 - x0) / width, Math.abs(y1 - y0) / height)
  const [cx, cy] = [(x0 + x1) / 2, (y0 + y1) / 2]
  return {x0: cx - unit * width / 2, x1: cx + unit * width / 2, y0: cy - unit * height / 2, y1: cy + unit * height / 2}
}

function number(value, digits = 5) {
  if (value == null || !Number.isFinite(value)) return "–"
  const size = Math.abs(value)
  if (size !== 0 && (size >= 1e6 || size < 1e-3)) return value.toExponential(3)
  return String(Number(value.toPrecision(digits)))
}

function sexagesimal(value, seconds_digits, sign) {
  const factor = 10 ** seconds_digits
  let ticks = Math.round(Math.abs(value) * 3600 * factor)
  const seconds = (ticks % (60 * factor)) / factor
  ticks = Math.floor(ticks / (60 * factor))
  const pad = (v, n) => String(v).padStart(n, "0")
  const text = `${pad(Math.floor(ticks / 60), 2)}:${pad(ticks % 60, 2)}:${seconds.toFixed(seconds_digits).padStart(3 + seconds_digits, "0")}`
  return (sign ? (value < 0 ? "−" : "+") : "") + text
}

// Sky position from unit vectors on a coarse grid of pixels.
function sky(grid, x, y) {
  if (!grid || !grid.n) return null
  const u = (x - grid.x0) / (grid.x1 - grid.x0) * (grid.n - 1)
  const v = (y - grid.y0) / (grid.y1 - grid.y0) * (grid.n - 1)
  const i = Math.min(Math.max(Math.floor(u), 0), grid.n - 2)
  const j = Math.min(Math.max(Math.floor(v), 0), grid.n - 2)
  const [fu, fv] = [u - i, v - j]
  const at = (c, r, k) => grid.vectors[3 * (r * grid.n + c) + k]
  const p = [0, 1, 2].map((k) =>
    (1 - fv) * ((1 - fu) * at(i, j, k) + fu * at(i + 1, j, k)) + fv * ((1 - fu) * at(i, j + 1, k) + fu * at(i + 1, j + 1, k)))
  const lon = (Math.atan2(p[1], p[0]) * 180 / Math.PI + 360) % 360
  const lat = Math.atan2(p[2], Math.hypot(p[0], p[1])) * 180 / Math.PI
  const label = grid.sexagesimal ? grid.frame : `${grid.frame} ${grid.labels.join(", ")}`
  if (!grid.sexagesimal) return [label, `${lon.toFixed(5)}° ${lat < 0 ? "−" : "+"}${Math.abs(lat).toFixed(5)}°`]
  return [label, `${sexagesimal(lon / 15, 2, false).replace(/^24/, "00")} ${sexagesimal(lat, 1, true)}`]
}

export function render({model, view}) {
  const doc = view.model.document
  const named = (name) => doc.get_model_by_name(name)
  const saved = (() => { try { return JSON.parse(localStorage.getItem(STORE)) ?? {} } catch { return {} } })()
  const look = {stretch: "asinh", limits: "99.5 %", palette: "viridis", residual: "blue-red", sigma: 5, low: 0, high: 1,
                ...saved, focus: "all"}
  if (!STRETCHES[look.stretch]) look.stretch = "asinh"
  if (!model.palettes[look.palette]) look.palette = Object.keys(model.palettes)[0]
  if (!model.residual_palettes[look.residual]) look.residual = Object.keys(model.residual_palettes)[0]

  const root = el("div", {class: "controls", role: "toolbar", "aria-label": "Image display"})

  const field = (label, control) => {
    return el("label", {class: "pair"}, el("span", {}, label), control)
  }
  const chooser = (label, names, value, on_change) => {
    const control = el("select", {class: "field", "aria-label": label})
    for (const name of names) control.add(new Option(name, name, false, name === value))
    control.onchange = () => { on_change(control.value); changed() }
    return control
  }
  const entry = (label, value, on_change) => {
    const control = el("input", {class: "field limit num", inputmode: "decimal", "aria-label": label, value})
    control.onchange = () => {
      const typed = Number(control.value.replace("−", "-"))
      const good = control.value.trim() !== "" && Number.isFinite(typed)
      control.setAttribute("aria-invalid", String(!good))
      if (good) { on_change(typed); changed() }
    }
    return control
  }

  const stretch = chooser("Stretch", Object.keys(STRETCHES), look.stretch, (v) => { look.stretch = v })
  const limits = chooser("Limits", [...Object.keys(model.limits), "manual"], look.limits, (v) => { look.limits = v })
  const low = entry("Lower limit", "", (v) => { look.limits = "manual"; look.low = v })
  const high = entry("Upper limit", "", (v) => { look.limits = "manual"; look.high = v })
  const palette = chooser("Colors", Object.keys(model.palettes), look.palette, (v) => { look.palette = v })
  const residual = chooser("Residual colors", Object.keys(model.residual_palettes), look.residual, (v) => { look.residual = v })
  const sigma = chooser("Residual range", ["3", "5", "10", "30"], String(look.sigma), (v) => { look.sigma = Number(v) })
  for (const option of sigma.options) option.text = `±${option.value} σ`

  const button = (label, svg, on_click, key) => {
    return icon_button(label, svg, on_click, {title: `${label} (${key})`})
  }
  const home = button("Show whole image", "whole", () => commands.home(), "0")
  const closer = button("Zoom in", "closer", () => commands.zoom_in(), "+")
  const wider = button("Zoom out", "wider", () => commands.zoom_out(), "−")
  const cross = button("Crosshair", "cross", () => toggle_crosshair(), "c")
  cross.setAttribute("aria-pressed", "false")

  const residual_pair = el("span", {class: "row residual-look"}, field("Residual", residual), sigma)
  root.append(field("Stretch", stretch), field("Limits", limits), el("span", {class: "row tight"}, low, high), field("Colors", palette),
              residual_pair, el("span", {class: "grow"}), el("span", {class: "row tight"}, cross, closer, wider, home))

  // --- color ---------------------------------------------------------------------------------------------------
  const mapper = (kind) => named(`image-${kind}`)?.glyph.color_mapper ?? null
  const current_limits = () => (look.limits === "manual" ? [look.low, look.high] : model.limits[look.limits] ?? [0, 1])

  function paint() {
    const [lo, hi] = current_limits()
    low.value = number(lo, 4)
    high.value = number(hi, 4)
    const wrong = !(hi > lo)
    high.setAttribute("aria-invalid", String(wrong))
    if (wrong) return
    limits.value = look.limits
    const colors = warp(model.palettes[look.palette], STRETCHES[look.stretch])
    for (const kind of ["data", "model"]) mapper(kind)?.setv({palette: colors, low: lo, high: hi})
    mapper("residual")?.setv({palette: model.residual_palettes[look.residual], low: -look.sigma, high: look.sigma})
  }
  function changed() {
    paint()
    const {focus, ...kept} = look
    try { localStorage.setItem(STORE, JSON.stringify(kept)) } catch { /* private window: the choice lasts for the page */ }
  }
  function new_limits() {
    const names = [...Object.keys(model.limits), "manual"]
    limits.replaceChildren(...names.map((name) => new Option(name, name)))
    if (!names.includes(look.limits)) look.limits = names[0]
    limits.value = look.limits
    paint()
  }

  // --- ranges --------------------------------------------------------------------------------------------------
  const figures = () => KINDS.map((kind) => named(`viewer-${kind}`)).filter(Boolean)
  const frame = () => {
    for (const fig of figures()) {
      const found = Bokeh.index.find_one_by_id(fig.id)
      if (found?.el?.offsetParent != null && fig.inner_width > 20 && fig.inner_height > 20) return fig
    }
    return null
  }
  function set_ranges(r) {
    const fig = figures()[0]
    fig?.x_range.setv({start: r.x0, end: r.x1, reset_start: r.x0, reset_end: r.x1})
    fig?.y_range.setv({start: r.y0, end: r.y1, reset_start: r.y0, reset_end: r.y1})
  }
  function show_all() {
    const fig = frame()
    if (fig && model.extent.x1 > model.extent.x0) set_ranges(whole(model.extent, fig.inner_width, fig.inner_height))
  }
  function zoom(factor) {
    const fig = frame()
    if (!fig) return
    const [x, y] = [fig.x_range, fig.y_range]
    const [cx, cy] = [(x.start + x.end) / 2, (y.start + y.end) / 2]
    const [w, h] = [(x.end - x.start) * factor / 2, (y.end - y.start) * factor / 2]
    x.setv({start: cx - w, end: cx + w})
    y.setv({start: cy - h, end: cy + h})
  }
  let seen = ""  // size of the frame and extent of the image that the ranges were last made for
  let touched = false
  function resize() {
    const fig = frame()
    if (!fig) return
    const size = `${fig.inner_width}x${fig.inner_height}`
    const extent = JSON.stringify(model.extent)
    if (size + extent === seen) return
    const first = !seen.endsWith(extent)
    seen = size + extent
    if (first || !touched) { show_all(); if (first) touched = false; return }
    const [x, y] = [fig.x_range, fig.y_range]
    const r = squared(x.start, x.end, y.start, y.end, fig.inner_width, fig.inner_height)
    x.setv({start: r.x0, end: r.x1})
    y.setv({start: r.y0, end: r.y1})
  }
  let pending = 0
  const later = () => { cancelAnimationFrame(pending); pending = requestAnimationFrame(() => setTimeout(resize, 30)) }

  // --- which panels are shown ----------------------------------------------------------------------------------
  function arrange() {
    for (const kind of KINDS) {
      const panel = named(`panel-${kind}`)
      if (!panel) continue
      const there = kind === "data" ? model.has_image : model.has_image && model.has_model
      const shown = there && (look.focus === "all" || look.focus === kind || !model.has_model)
      panel.visible = shown
    }
    root.hidden = !model.has_image
    residual_pair.hidden = !model.has_model
    later()
  }
  function focus(kind) {
    look.focus = look.focus === kind ? "all" : kind
    arrange()
  }
  function blink() {
    if (!model.has_model) return
    look.focus = look.focus === "data" ? "model" : "data"
    arrange()
  }
  const crosshairs = () => figures().flatMap((fig) => fig.toolbar.tools.filter((tool) => tool.type === "CrosshairTool"))
  function toggle_crosshair() {
    const on = cross.getAttribute("aria-pressed") !== "true"
    cross.setAttribute("aria-pressed", String(on))
    for (const tool of crosshairs()) {
      for (const span of [tool.overlay].flat()) span.visible = on
      tool.visible = on
    }
  }

  // --- readout -------------------------------------------------------------------------------------------------
  function pick(kind, x, y) {
    const source = named(`image-${kind}`)?.data_source.data
    const image = source?.image?.[0]
    if (!image?.shape) return null
    const [ny, nx] = image.shape
    const column = Math.floor((x - source.x[0]) / source.dw[0] * nx)
    const row = Math.floor((y - source.y[0]) / source.dh[0] * ny)
    if (column < 0 || row < 0 || column >= nx || row >= ny) return null
    return image[row * nx + column]
  }
  const readout = el("div", {class: "readout", role: "group", "aria-label": "Value under the cursor"})
  const slots = {}
  for (const [key, label] of [["xy", "x, y"], ["data", "data"], ["model", "model"], ["residual", "residual"], ["sky", ""]]) {
    const name = el("span", {class: "muted"}, label)
    const value = el("span", {class: "num value"})
    const slot = el("span", {class: `slot ${key}`}, name, value)
    readout.append(slot)
    slots[key] = {slot, name, value}
  }
  const hint = el("span", {class: "hint muted"})
  readout.append(hint)
  function idle() {
    for (const key in slots) slots[key].value.textContent = ""
    hint.textContent = model.hint
    readout.classList.add("idle")
  }
  function moved(event) {
    const [x, y] = [event.x, event.y]
    const value = pick("data", x, y)
    if (value == null) { idle(); return }
    readout.classList.remove("idle")
    hint.textContent = ""
    slots.xy.value.textContent = `${x.toFixed(1)}, ${y.toFixed(1)}`
    slots.data.value.textContent = number(value)
    slots.model.slot.hidden = slots.residual.slot.hidden = !model.has_model
    if (model.has_model) {
      slots.model.value.textContent = number(pick("model", x, y))
      const pull = pick("residual", x, y)
      slots.residual.value.textContent = Number.isFinite(pull) ? `${pull >= 0 ? "+" : "−"}${Math.abs(pull).toFixed(2)} σ` : "masked"
    }
    const place = sky(model.sky, x, y)
    slots.sky.slot.hidden = !place
    if (place) {
      slots.sky.name.textContent = place[0]
      slots.sky.value.textContent = place[1]
    }
  }

  // --- wiring --------------------------------------------------------------------------------------------------
  function wire() {
    for (const fig of figures()) {
      fig.on_event("mousemove", moved)
      fig.on_event("mouseleave", idle)
      for (const gesture of ["pan", "wheel"]) fig.on_event(gesture, () => { touched = true })
      fig.on_event("doubletap", () => { touched = false; show_all() })
      fig.properties.inner_width.change.connect(later)
      fig.properties.inner_height.change.connect(later)
    }
    for (const tool of crosshairs()) for (const span of [tool.overlay].flat()) span.visible = false
  }

  // A canvas tells a screen reader nothing; its name at least says what is on it.
  function describe() {
    for (const kind of KINDS) {
      const view = Bokeh.index.find_one_by_id(named(`viewer-${kind}`)?.id)
      view?.el.setAttribute("role", "img")
      view?.el.setAttribute("aria-label", model.descriptions[kind] ?? `${kind} image`)
    }
  }

  function placing() {
    for (const fig of figures()) {
      const el = Bokeh.index.find_one_by_id(fig.id)?.el
      if (el) el.style.cursor = model.placing ? "crosshair" : ""
    }
    idle()
  }

  const commands = {
    home: () => { touched = false; show_all() }, zoom_in: () => { touched = true; zoom(1 / 1.5) },
    zoom_out: () => { touched = true; zoom(1.5) }, crosshair: toggle_crosshair, blink,
    all: () => { look.focus = "all"; arrange() }, data: () => focus("data"), model: () => focus("model"), residual: () => focus("residual"),
  }
  const obey = (event) => commands[event.detail]?.()
  window.addEventListener("residua:viewer", obey)

  model.on("limits", new_limits)
  model.on("extent", later)
  model.on("has_image", arrange)
  model.on("has_model", arrange)
  model.on("placing", placing)
  model.on("hint", () => { if (readout.classList.contains("idle")) idle() })
  model.on("descriptions", describe)
  model.on("remove", () => window.removeEventListener("residua:viewer", obey))
  model.on("after_render", () => { wire(); paint(); arrange(); placing(); describe(); later(); setTimeout(later, 400) })

  return el("div", {}, root, readout)
}
