// Tool bar and readout of the linked image viewers.
//
// Everything a person does to look at an image happens here, in the browser: stretch, limits and colour maps swap
// the palettes of the colour mappers; pan and zoom are Bokeh's; the readout looks into the arrays already sent.

const N = 2048
const KINDS = ["data", "model", "pull", "residual", "sigma", "mask", "psf"]
const NEEDS_MODEL = ["model", "pull", "residual"]
const MASK_COLORS = ["#2b3640", "#e69f00"]
const STRETCHES = {
  linear: (t) => t,
  asinh: (t) => Math.asinh(t / 0.03) / Math.asinh(1 / 0.03),
  log: (t) => Math.log1p(1000 * t) / Math.log1p(1000),
  sqrt: Math.sqrt,
}
const STORE = "residua.viewer"

// The same array for the same choice, so that an image whose look has not changed is not colored again.
const warped = new Map()
function warp(palette, stretch) {
  const last = palette.length - 1
  const key = `${palette.length}${palette[0]}${palette[last >> 1]}${palette[last]}${stretch}`
  if (!warped.has(key)) warped.set(key, Array.from({length: N}, (_, i) => palette[Math.round(last * stretch(i / (N - 1)))]))
  return warped.get(key)
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

export function render({model, view}) {
  const doc = view.model.document
  const named = (name) => doc.get_model_by_name(name)
  const saved = (() => { try { return JSON.parse(localStorage.getItem(STORE)) ?? {} } catch { return {} } })()
  const look = {stretch: "asinh", limits: "99.5 %", palette: "viridis", residual: "blue-red", sigma: 5, low: 0, high: 1,
                panels: ["data", "model", "pull"], ...saved, focus: ""}
  const pixels = new Pixels(named)
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

  const toggles = Object.fromEntries(KINDS.map((kind, place) => {
    const control = el("button", {type: "button", class: "btn toggle", "aria-pressed": "false", title: `Show or hide this panel (alone: ${place + 1})`,
                                  onclick: () => choose(kind)}, model.titles[kind])
    return [kind, control]
  }))
  const go = el("input", {class: "field go", "aria-label": "Go to a place", onchange: () => go_to()})
  const profiles = el("button", {type: "button", class: "btn toggle", "aria-pressed": "false", title: "Profiles (p)",
                                 onclick: () => commands.profiles()}, "Profiles")

  const residual_pair = el("span", {class: "row residual-look"}, field("Residual", residual), sigma)
  root.append(field("Stretch", stretch), field("Limits", limits), el("span", {class: "row tight"}, low, high), field("Colors", palette),
              residual_pair, el("span", {class: "grow"}), el("span", {class: "row tight"}, cross, closer, wider, home))
  const bar = el("div", {class: "controls panels", role: "toolbar", "aria-label": "Panels"},
                 el("span", {class: "row tight toggles", role: "group", "aria-label": "Panels shown"}, ...Object.values(toggles)),
                 el("span", {class: "grow"}), go, profiles)

  // --- color ---------------------------------------------------------------------------------------------------
  const mapper = (kind) => named(`image-${kind}`)?.glyph.color_mapper ?? null
  const current_limits = () => (look.limits === "manual" ? [look.low, look.high] : model.limits[look.limits] ?? [0, 1])

  // All at once: Bokeh would color the image anew for each of them, and once more in the end.
  function dress(found, {palette, low, high}) {
    if (!found || found.palette === palette && found.low === low && found.high === high) return
    found.setv({palette, low, high}, {silent: true})
    found.update_data()
  }
  // What the mapper of each kind is set to; nothing of it goes to the server.
  const coats = {
    data: () => main_coat(), model: () => main_coat(),
    pull: () => ({palette: model.residual_palettes[look.residual], low: -look.sigma, high: look.sigma}),
    residual: () => {
      const reach = look.sigma * pixels.typical_sigma()
      return {palette: model.residual_palettes[look.residual], low: -reach, high: reach}
    },
    sigma: () => { const [low, high] = pixels.span("sigma"); return {palette: model.palettes[look.palette], low, high} },
    mask: () => ({palette: MASK_COLORS, low: 0, high: 1}),
    psf: () => { const [low, high] = pixels.span("psf"); return {palette: warp(model.palettes[look.palette], STRETCHES[look.stretch]), low, high} },
  }
  function main_coat() {
    const [low, high] = current_limits()
    return {palette: warp(model.palettes[look.palette], STRETCHES[look.stretch]), low, high}
  }
  // Only what is seen is drawn: mapping the colors of a hidden image costs as much as those of one in sight.
  function paint() {
    const [lo, hi] = current_limits()
    low.value = number(lo, 4)
    high.value = number(hi, 4)
    const wrong = !(hi > lo)
    high.setAttribute("aria-invalid", String(wrong))
    if (wrong) return
    limits.value = look.limits
    for (const kind of KINDS.filter(shown)) {
      if (kind in DERIVED) pixels.derive(kind)
      dress(mapper(kind), coats[kind]())
    }
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
  // The PSF has its own ranges.
  const figures = () => KINDS.filter((kind) => kind !== "psf").map((kind) => named(`viewer-${kind}`)).filter(Boolean)
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
  function draw_scale() {
    const [fig, source] = [frame(), named("scale-bar")?.data_source]
    if (!fig || !source || !pixels.image("data")) return
    const [x, y] = [fig.x_range, fig.y_range]
    const [width, height] = [x.end - x.start, y.end - y.start]
    const {pixels: length, label} = round_length(0.3 * width, model.pixel_scale)
    const x1 = Math.min(x.end, model.extent.x1) - 0.04 * width
    source.setv({data: {x0: [x1 - length], x1: [x1], y: [Math.max(y.start, model.extent.y0) + 0.04 * height], middle: [x1 - length / 2], label: [label]}}, {sync: false})
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
  function resize_now() {
    seen = seen.replace(/^\d+x\d+/, "")
    resize()
  }
  let [pending, scaling] = [0, 0]
  const later = () => { cancelAnimationFrame(pending); pending = requestAnimationFrame(() => setTimeout(() => { resize(); describe(); point() }, 30)) }

  // --- which panels are shown ----------------------------------------------------------------------------------
  const there = (kind) => model.has_image && (model.has_model || !NEEDS_MODEL.includes(kind)) && (kind !== "psf" || model.has_psf)
  function shown(kind) {
    if (!there(kind)) return false
    return look.focus && there(look.focus) ? kind === look.focus : look.panels.includes(kind) || !look.panels.some(there) && kind === "data"
  }
  function arrange() {
    for (const kind of KINDS) {
      const panel = named(`panel-${kind}`)
      if (panel && panel.visible !== shown(kind)) panel.visible = shown(kind)
      toggles[kind].setAttribute("aria-pressed", String(shown(kind)))
      toggles[kind].disabled = !there(kind)
    }
    root.hidden = bar.hidden = !model.has_image
    residual_pair.hidden = !model.has_model
    const crowded = KINDS.filter(shown).length > 4
    if (model.crowded !== crowded) model.crowded = crowded
    const missing = KINDS.filter((kind) => shown(kind) && !model.made.includes(kind) && !model.wanted.includes(kind))
    if (missing.length) model.wanted = [...model.wanted, ...missing]
    paint()
    if (shown("psf")) show_psf()
    later()
  }
  function choose(kind) {
    if (look.focus) { look.focus = ""; look.panels = look.panels.includes(kind) ? look.panels : [...look.panels, kind] }
    else if (!look.panels.includes(kind)) look.panels = [...look.panels, kind]
    else if (KINDS.filter(shown).length > 1) look.panels = look.panels.filter((one) => one !== kind)
    changed()
    arrange()
  }
  function focus(kind) {
    if (!there(kind)) return
    look.focus = look.focus === kind ? "" : kind
    arrange()
  }
  function blink() {
    if (!model.has_model) return
    look.focus = look.focus === "data" ? "model" : "data"
    arrange()
  }
  function show_psf() {
    const [fig, image, source] = [named("viewer-psf"), pixels.image("psf"), pixels.source("psf")?.data]
    if (!fig || !image || fig.inner_width < 20) return
    const r = squared(source.x[0], source.x[0] + source.dw[0], source.y[0], source.y[0] + source.dh[0], fig.inner_width, fig.inner_height)
    fig.x_range.setv({start: r.x0, end: r.x1})
    fig.y_range.setv({start: r.y0, end: r.y1})
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

  // --- readout and places --------------------------------------------------------------------------------------
  const readout = make_readout()
  let told = null  // the place that the readout tells of
  const idle = () => { told = null; readout.idle(go.dataset.error || model.hint) }
  function moved(event) {
    const pixel = pixels.read(event.x, event.y)
    if (!pixel) { idle(); return }
    if (!model.wants_components) model.wants_components = true  // the server sends them from now on
    const component = pixel.component == null ? null : model.components[pixel.component] ?? null
    told = {x: event.x, y: event.y}
    readout.show(event.x, event.y, pixel, component, sky(model.sky, event.x, event.y))
    cut_through(event.x, event.y)
  }
  const tell_again = () => { if (told) moved(told) }
  let [cutting, through] = [0, null]
  function cut_through(x, y) {
    through = [x, y]
    const fig = frame()
    if (!model.profiles || !fig) return
    cancelAnimationFrame(cutting)
    cutting = requestAnimationFrame(() => draw_cuts(pixels, named, x, y, {x: fig.x_range, y: fig.y_range}))
  }
  const cut_again = () => { if (through) cut_through(...through) }
  function go_to() {
    const place = go.value.trim() ? place_of(go.value, model.sky) : {}
    const {x0, x1, y0, y1} = model.extent
    if (place.x != null && !(place.x >= x0 && place.x <= x1 && place.y >= y0 && place.y <= y1))
      place.error = `x ${place.x.toFixed(1)}, y ${place.y.toFixed(1)} lies outside the image, which goes from ${x0 + 0.5} to ${x1 - 0.5} in x, ${y0 + 0.5} to ${y1 - 0.5} in y.`
    go.dataset.error = place.error ?? ""
    go.setAttribute("aria-invalid", String(Boolean(place.error)))
    idle()
    const fig = frame()
    if (place.error || place.x == null || !fig) return
    touched = true
    for (const [range, middle, side] of [[fig.x_range, place.x, x1 - x0], [fig.y_range, place.y, y1 - y0]]) {
      const half = Math.min(range.end - range.start, side / 2) / 2
      range.setv({start: middle - half, end: middle + half})
    }
    resize_now()
    moved(place)
  }

  // --- wiring --------------------------------------------------------------------------------------------------
  const wired = new Set()
  // Listen to the panels that have come onto the page since.
  function wire_panels() {
    for (const kind of KINDS) {
      const fig = named(`viewer-${kind}`)
      if (!fig || wired.has(kind)) continue
      wired.add(kind)
      if (kind === "psf") {
        fig.properties.inner_width.change.connect(show_psf)
        fig.properties.inner_height.change.connect(show_psf)
        continue
      }
      fig.on_event("mousemove", moved)
      fig.on_event("mouseleave", idle)
      for (const gesture of ["pan", "wheel"]) fig.on_event(gesture, () => { touched = true })
      fig.on_event("doubletap", () => { touched = false; show_all() })
      fig.properties.inner_width.change.connect(later)
      fig.properties.inner_height.change.connect(later)
    }
  }
  function wire() {
    wire_panels()
    for (const kind of ["data", "sigma", "model"]) pixels.source(kind)?.properties.data.change.connect(() => { pixels.changed(); paint(); cut_again(); tell_again() })
    pixels.source("components")?.properties.data.change.connect(tell_again)
    for (const range of [figures()[0].x_range, figures()[0].y_range]) range.change.connect(() => {
      cancelAnimationFrame(scaling)
      scaling = requestAnimationFrame(() => { draw_scale(); cut_again() })
    })
    pixels.source("psf")?.properties.data.change.connect(() => paint())
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

  function new_sky() {
    readout.has_sky(Boolean(model.sky.n))
    go.placeholder = model.sky.n ? "Go to x, y or RA Dec" : "Go to x, y"
    go.title = model.sky.n ? "x, y in pixels, or RA Dec such as 12:32:44.2 +12:46:15" : "x, y in pixels"
  }
  function show_profiles() {
    profiles.setAttribute("aria-pressed", String(model.profiles))
    cut_again()
  }

  function point() {
    for (const fig of figures()) {
      const el = Bokeh.index.find_one_by_id(fig.id)?.el
      if (el) el.style.cursor = model.placing ? "crosshair" : ""
    }
  }

  const commands = {
    home: () => { touched = false; show_all() }, zoom_in: () => { touched = true; zoom(1 / 1.5) },
    zoom_out: () => { touched = true; zoom(1.5) }, crosshair: toggle_crosshair, blink,
    profiles: () => { model.profiles = !model.profiles },
    ...Object.fromEntries(KINDS.map((kind) => [kind, () => focus(kind)])),
  }
  const obey = (event) => commands[event.detail]?.()
  window.addEventListener("residua:viewer", obey)

  model.on("limits", new_limits)
  model.on("extent", later)
  model.on("has_image", arrange)
  model.on("has_model", arrange)
  model.on("has_psf", arrange)
  model.on("made", () => { wire_panels(); arrange() })
  model.on("sky", new_sky)
  model.on("pixel_scale", draw_scale)
  model.on("profiles", show_profiles)
  model.on("place", () => cut_through(...model.place))
  model.on("components", tell_again)
  model.on("placing", () => { point(); idle() })
  model.on("hint", () => { if (readout.root.classList.contains("idle")) idle() })
  model.on("descriptions", describe)
  model.on("remove", () => window.removeEventListener("residua:viewer", obey))
  model.on("after_render", () => { wire(); new_sky(); show_profiles(); arrange(); point(); idle(); describe(); later(); setTimeout(later, 400) })

  return el("div", {}, root, bar, readout.root)
}
