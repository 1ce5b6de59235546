// The images of several runs, linked: side by side on one scale, blinking in one place, or parted by a line.
//
// Everything here happens in the browser: the arrays are sent once, kinds and modes only choose what is painted.

const GAP = 0.7  // seconds an image stays while blinking
const KINDS = {residual: "Residual / σ", model: "Model", data: "Data"}
const MODES = {tiles: "Side by side", blink: "Blink", swipe: "Swipe"}
const asinh = (t) => Math.asinh(t / 0.03) / Math.asinh(1 / 0.03)

function rgb(palette) {
  return palette.map((color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16)))
}

// A canvas with one pixel per image pixel, row 0 at the bottom.
function painted(array, [height, width], colors, low, high, curve) {
  const canvas = new OffscreenCanvas(width, height)
  const context = canvas.getContext("2d")
  const image = context.createImageData(width, height)
  const last = colors.length - 1
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const value = array[row * width + column]
      const at = 4 * ((height - 1 - row) * width + column)
      const t = Math.min(Math.max((value - low) / (high - low), 0), 1)
      const color = Number.isFinite(value) ? colors[Math.round(last * curve(t))] : [128, 128, 128]
      image.data.set([color[0], color[1], color[2], 255], at)
    }
  }
  context.putImageData(image, 0, 0)
  return canvas
}

function short(value) {
  if (value == null || !Number.isFinite(value)) return "–"
  const size = Math.abs(value)
  return size >= 1e5 || (size && size < 1e-2) ? value.toExponential(2) : String(Number(value.toPrecision(4)))
}

export function render({model}) {
  let view = null, sigma = 5, shown = 0, left = 0, right = 1, part = 0.5, playing = true, timer = null
  let cache = new Map()
  const tiles = new Map()
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches

  const root = el("div", {class: "wall"})
  const bar = el("div", {class: "wall-bar", role: "toolbar", "aria-label": "Images of the runs"})
  const stage = el("div", {class: "tiles"})
  const readout = el("div", {class: "readout num", role: "status", "aria-label": "Value under the cursor"})
  root.append(bar, stage, readout)

  const data = () => model.data
  const ready = () => Boolean(data()?.shape && model.panels.length)
  const index = () => (left < model.panels.length ? left : 0)

  // --- what is painted -----------------------------------------------------------------------------------------
  function values(id, kind) {
    if (id === "map") return data().map
    if (kind === "data") return data().array
    return model.images[id]?.[kind]
  }
  function picture(id, kind) {
    const key = `${id} ${kind} ${kind === "residual" ? sigma : ""}`
    if (!cache.has(key)) {
      const array = values(id, kind)
      if (!array) return null
      const [low, high] = id === "map" ? data().map_limits : kind === "residual" ? [-sigma, sigma] : data().limits
      const palette = id === "map" ? model.map_palette : kind === "residual" ? model.residual_palette : model.palette
      const curve = id === "map" || kind === "residual" ? (t) => t : asinh
      cache.set(key, painted(array, data().shape, rgb(palette), low, high, curve))
    }
    return cache.get(key)
  }

  // --- where it stands: view is the center and the size of an image pixel on screen ----------------------------
  function home(canvas) {
    const [height, width] = data().shape
    return {x: width / 2, y: height / 2, unit: Math.min(canvas.clientWidth / width, canvas.clientHeight / height)}
  }
  function at(canvas, event) {
    const box = canvas.getBoundingClientRect()
    const v = view ?? home(canvas)
    return [v.x + (event.clientX - box.left - box.width / 2) / v.unit, v.y - (event.clientY - box.top - box.height / 2) / v.unit]
  }
  function draw(canvas, id, kind, from = 0, to = 1) {
    const ratio = devicePixelRatio || 1
    const [w, h] = [canvas.clientWidth, canvas.clientHeight]
    const context = canvas.getContext("2d")
    if (from === 0) {
      canvas.width = Math.round(w * ratio)
      canvas.height = Math.round(h * ratio)
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0)
    const image = picture(id, kind)
    if (!image || !w) return
    const [height, width] = data().shape
    const v = view ?? home(canvas)
    context.save()
    context.beginPath()
    context.rect(w * from, 0, w * (to - from), h)
    context.clip()
    context.imageSmoothingEnabled = false
    context.drawImage(image, w / 2 - v.x * v.unit, h / 2 - (height - v.y) * v.unit, width * v.unit, height * v.unit)
    if (model.pixel.length === 2) {
      const [px, py] = model.pixel.map((p, axis) => (p - data().origin[axis] + 0.5) / data().block)
      const [sx, sy] = [w / 2 + (px - v.x) * v.unit, h / 2 - (py - v.y) * v.unit]
      const half = Math.max(v.unit / 2, 4)
      for (const [color, line] of [["#000", 3], ["#fff", 1.2]]) {
        context.strokeStyle = color
        context.lineWidth = line
        context.strokeRect(sx - half, sy - half, 2 * half, 2 * half)
      }
    }
    context.restore()
  }
  function redraw() {
    if (!ready()) return
    for (const [id, tile] of tiles) {
      if (id === "one") draw_one(tile.canvas)
      else draw(tile.canvas, id, model.kind)
    }
  }
  function draw_one(canvas) {
    const ids = model.panels.map((panel) => panel.id)
    if (model.mode === "blink") draw(canvas, ids[shown % ids.length], model.kind)
    else {
      draw(canvas, ids[index()], model.kind, 0, part)
      draw(canvas, ids[right % ids.length], model.kind, part, 1)
      const context = canvas.getContext("2d")
      context.fillStyle = "#fff"
      context.fillRect(canvas.clientWidth * part - 1, 0, 2, canvas.clientHeight)
    }
    caption()
  }

  // --- hands ---------------------------------------------------------------------------------------------------
  function zoom(factor, canvas, [x, y] = []) {
    const v = view ?? home(canvas)
    const unit = Math.min(Math.max(v.unit * factor, 0.2 * home(canvas).unit), 80)
    const [cx, cy] = x == null ? [v.x, v.y] : [x, y]
    view = {x: cx + (v.x - cx) * v.unit / unit, y: cy + (v.y - cy) * v.unit / unit, unit}
    redraw()
  }
  function listen(canvas) {
    let from = null, moved = false, swiping = false
    canvas.addEventListener("pointerdown", (event) => {
      const box = canvas.getBoundingClientRect()
      swiping = model.mode === "swipe" && Math.abs(event.clientX - box.left - box.width * part) < 12
      from = {x: event.clientX, y: event.clientY, view: view ?? home(canvas)}
      moved = false
      canvas.setPointerCapture(event.pointerId)
      canvas.focus({preventScroll: true})
    })
    canvas.addEventListener("pointermove", (event) => {
      tell(canvas, event)
      if (!from) return
      const [dx, dy] = [event.clientX - from.x, event.clientY - from.y]
      if (Math.hypot(dx, dy) > 3) moved = true
      if (!moved) return
      if (swiping) {
        const box = canvas.getBoundingClientRect()
        part = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1)
      } else view = {...from.view, x: from.view.x - dx / from.view.unit, y: from.view.y + dy / from.view.unit}
      redraw()
    })
    canvas.addEventListener("pointerup", (event) => {
      if (from && !moved) ask(at(canvas, event))
      from = null
    })
    canvas.addEventListener("pointerleave", () => { readout.textContent = hint() })
    // The page scrolls over the maps, until one of them was clicked or Ctrl is held.
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey && canvas.getRootNode().activeElement !== canvas) return
      event.preventDefault()
      zoom(Math.exp(-event.deltaY / 400), canvas, at(canvas, event))
    }, {passive: false})
    canvas.addEventListener("dblclick", () => { view = null; redraw() })
  }
  function cell([x, y]) {
    const [height, width] = data().shape
    const [column, row] = [Math.floor(x), Math.floor(y)]
    return column >= 0 && column < width && row >= 0 && row < height ? [column, row] : null
  }
  function ask(place) {
    const found = cell(place)
    if (!found) return
    const half = Math.floor(data().block / 2)
    model.send_msg({type: "pixel", x: data().origin[0] + found[0] * data().block + half, y: data().origin[1] + found[1] * data().block + half})
  }
  const hint = () => (model.panels.length > 1 ? "Click a pixel to see which parameters make the models differ there." : "")
  function tell(canvas, event) {
    const found = cell(at(canvas, event))
    if (!found) { readout.textContent = hint(); return }
    const place = found[1] * data().shape[1] + found[0]
    const [x, y] = found.map((p, axis) => data().origin[axis] + p * data().block)
    const parts = model.panels.map((panel) => `${panel.label} ${short(values(panel.id, model.kind)?.[place])}`)
    const map = data().map ? ` · disagreement ${short(data().map[place])} σ` : ""
    readout.textContent = `x ${x}  y ${y} · data ${short(data().array[place])} · ${model.kind}: ${parts.join(", ")}${map}`
  }

  // --- tiles ---------------------------------------------------------------------------------------------------
  function tile(id, title) {
    const canvas = el("canvas", {role: "img", tabindex: "0"})
    const head = el("div", {class: "tile-head"}, ...title)
    const box = el("figure", {class: "tile", "data-id": id}, head, canvas)
    canvas.style.aspectRatio = `${data().shape[1]} / ${data().shape[0]}`
    listen(canvas)
    tiles.set(id, {canvas, head})
    stage.append(box)
    watch.observe(canvas)
    return canvas
  }
  const watch = new ResizeObserver(() => redraw())
  const named = (panel) => [el("span", {class: "round", style: `background:${panel.color}`}),
    el("a", {href: panel.link, title: "Open this run"}, panel.label), el("span", {class: "muted ellipsis"}, panel.word)]

  function build() {
    for (const {canvas} of tiles.values()) watch.unobserve(canvas)
    tiles.clear()
    stage.replaceChildren()
    clearInterval(timer)
    root.hidden = !ready()
    if (!ready()) return
    stage.className = `tiles ${model.mode}`
    const count = model.panels.length + (data().map ? 1 : 0)
    // Rows that are about full, of images as large as the page allows.
    stage.style.setProperty("--columns", String(count <= 4 ? count : count <= 6 ? 3 : count <= 8 ? 4 : 5))
    if (model.mode === "tiles") {
      for (const panel of model.panels) {
        tile(panel.id, named(panel)).setAttribute("aria-label", `${KINDS[model.kind]} of ${panel.label}: ${panel.words}`)
      }
    } else {
      tile("one", [])
      if (model.mode === "blink" && playing && !calm) timer = setInterval(() => { shown += 1; redraw() }, GAP * 1000)
    }
    if (data().map) {
      const canvas = tile("map", [el("span", {}, "Disagreement"), el("span", {class: "muted ellipsis"}, `scatter of the models / σ, up to ${short(data().map_limits[1])}`)])
      canvas.setAttribute("aria-label", data().map_words)
    }
    draw_bar()
    readout.textContent = hint()
    redraw()
  }
  function caption() {
    const one = tiles.get("one")
    if (!one) return
    const names = model.panels
    const [a, b] = model.mode === "blink" ? [names[shown % names.length], null] : [names[index()], names[right % names.length]]
    const key = `${a.id} ${b?.id} ${model.kind}`
    if (one.head.dataset.key === key) return
    one.head.dataset.key = key
    if (!b) one.head.replaceChildren(...named(a), el("span", {class: "muted"}, `${shown % names.length + 1} of ${names.length}`))
    else {
      const choose = (label, value, on_change) => {
        const control = el("select", {class: "field", "aria-label": label})
        names.forEach((panel, place) => control.add(new Option(panel.label, place, false, place === value)))
        control.onchange = () => { on_change(Number(control.value)); redraw() }
        return control
      }
      one.head.replaceChildren(choose("Left", index(), (v) => { left = v }), el("span", {class: "grow muted", style: "text-align:center"}, "drag the line"),
        choose("Right", right % names.length, (v) => { right = v }))
    }
    one.canvas.setAttribute("aria-label", `${KINDS[model.kind]} of ${a.label}${b ? ` left of the line, of ${b.label} right of it` : ""}`)
  }

  // --- bar -----------------------------------------------------------------------------------------------------
  function press(names, current, send, keys) {
    return el("span", {class: "row tight", role: "group"}, ...Object.entries(names).map(([key, title]) =>
      el("button", {type: "button", class: "btn small", "aria-pressed": String(key === current), title: `${title} (${keys[key]})`, onclick: () => send(key)}, title)))
  }
  function legend() {
    const [low, high] = model.kind === "residual" ? [`−${sigma} σ`, `+${sigma} σ`] : data().limits.map(short)
    const palette = model.kind === "residual" ? model.residual_palette : model.palette
    const stops = [0, 32, 64, 96, 128, 160, 192, 224, 255].map((at) => palette[at]).join(",")
    return el("span", {class: "row legend num"}, low, el("span", {class: "ramp", style: `background:linear-gradient(90deg,${stops})`}), high)
  }
  function draw_bar() {
    const range = el("select", {class: "field", "aria-label": "Residual range", hidden: model.kind !== "residual"})
    for (const one of [1, 3, 5, 10, 30]) range.add(new Option(`±${one} σ`, one, false, one === sigma))
    range.onchange = () => { sigma = Number(range.value); draw_bar(); redraw() }
    const many = model.panels.length > 1
    bar.replaceChildren(
      press(KINDS, model.kind, set_kind, {residual: "r", model: "m", data: "d"}),
      ...(many ? [press(MODES, model.mode, set_mode, {tiles: "t", blink: "b", swipe: "s"})] : []),
      el("span", {class: "grow"}), legend(), range,
      icon_button("Whole image", "whole", () => { view = null; redraw() }, {title: "Whole image (0)"}))
  }
  const set_kind = (kind) => { model.kind = kind }
  const set_mode = (mode) => { model.mode = model.mode === mode && mode !== "tiles" ? "tiles" : mode }

  const first = () => tiles.values().next().value?.canvas
  const on_key = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || !ready()) return
    const target = event.composedPath()[0]
    if (target instanceof HTMLElement && (["SELECT", "TEXTAREA"].includes(target.tagName)
      || (target.tagName === "INPUT" && !["checkbox", "radio"].includes(target.type)))) return
    const turn = (by) => {
      if (model.mode === "swipe") part = Math.min(Math.max(part + 0.05 * by, 0), 1)
      else if (model.mode === "blink") { playing = false; clearInterval(timer); shown = (shown + by + model.panels.length) % model.panels.length }
      else return false
      redraw()
      return true
    }
    const acts = {
      r: () => set_kind("residual"), m: () => set_kind("model"), d: () => set_kind("data"),
      t: () => set_mode("tiles"), b: () => { playing = true; set_mode("blink") }, s: () => set_mode("swipe"),
      0: () => { view = null; redraw() }, "+": () => zoom(1.4, first()), "=": () => zoom(1.4, first()), "-": () => zoom(1 / 1.4, first()),
      "?": () => model.send_msg({type: "help"}),
      ArrowRight: () => turn(1), ArrowLeft: () => turn(-1),
    }
    const act = acts[event.key]
    if (act && act() !== false) event.preventDefault()
  }
  document.addEventListener("keydown", on_key)

  const fresh = () => { cache = new Map(); build() }
  model.on("data", fresh)
  model.on("images", fresh)
  model.on("panels", build)
  model.on("kind", build)
  model.on("mode", build)
  model.on("pixel", redraw)
  model.on("query", () => { if (model.query != null) history.replaceState(null, "", location.pathname + (model.query === "?" ? "" : model.query)) })
  model.on("remove", () => { document.removeEventListener("keydown", on_key); clearInterval(timer); watch.disconnect() })
  build()
  return root
}
