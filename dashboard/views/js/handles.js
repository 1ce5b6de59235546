// Handles of the selected component: pull its center, size, axis ratio and angle. Only the outline moves here; the
// model follows from the server, ten times a second at most.

const REACH = 9          // px around a handle
const STILL = 3          // px that a click may wander
const EVERY = 100        // ms between drag messages
const KINDS = ["data", "model", "pull", "residual", "sigma", "mask"]
const LEAST_RADIUS = 0.3
const LEAST_RATIO = 0.05

// Angles are degrees from +y towards -x.
const axes = (angle) => {
  const a = angle * Math.PI / 180
  return {u: [-Math.sin(a), Math.cos(a)], v: [Math.cos(a), Math.sin(a)]}
}

function outline({x, y, radius, axis_ratio, position_angle}) {
  const {u, v} = axes(position_angle)
  const [xs, ys] = [[], []]
  for (let i = 0; i <= 72; i++) {
    const t = i / 36 * Math.PI
    const [p, q] = [radius * Math.cos(t), radius * axis_ratio * Math.sin(t)]
    xs.push(x + p * u[0] + q * v[0])
    ys.push(y + p * u[1] + q * v[1])
  }
  return [xs, ys]
}

export function render({model, view}) {
  const doc = view.model.document
  const named = (name) => doc.get_model_by_name(name)
  const bubble = el("div", {role: "status", "aria-live": "polite",
    style: "position:fixed; z-index:5; pointer-events:none; padding:2px 7px; border-radius:5px; font:600 12px var(--rs-font); background:var(--rs-surface); color:var(--rs-text); border:1px solid var(--rs-line-strong); font-variant-numeric:tabular-nums"})
  bubble.hidden = true
  const root = el("div", {}, bubble)

  // The panel under an event: its view, and ways between screen and pixels.
  function panel_at(event) {
    for (const kind of KINDS) {
      const fig = named(`viewer-${kind}`)
      const found = fig && Bokeh.index.find_one_by_id(fig.id)
      if (!found?.el || !event.composedPath().includes(found.el)) continue
      const box = found.el.getBoundingClientRect()
      const {x_scale, y_scale} = found.frame
      return {
        el: found.el,
        screen: (x, y) => [box.left + x_scale.compute(x), box.top + y_scale.compute(y)],
        pixel: (left, top) => [x_scale.invert(left - box.left), y_scale.invert(top - box.top)],
      }
    }
    return null
  }

  const chosen = () => model.components.find((one) => one.name === model.selected) ?? null
  function handles(one, knob) {
    if (!one) return []
    const found = [{kind: "center", at: [one.x, one.y], marker: "circle"}]
    if (one.radius) {
      const {u, v} = axes(one.position_angle)
      found.push({kind: "size", at: [one.x + one.radius * u[0], one.y + one.radius * u[1]], marker: "square"})
      found.push({kind: "ratio", at: [one.x + one.radius * one.axis_ratio * v[0], one.y + one.radius * one.axis_ratio * v[1]], marker: "diamond"})
      found.push({kind: "angle", at: [one.x + (one.radius + knob) * u[0], one.y + (one.radius + knob) * u[1]], marker: "circle"})
    }
    return found
  }
  const knob = () => {
    const range = named("viewer-data")?.x_range
    const width = named("viewer-data")?.inner_width || 200
    return range ? 18 * (range.end - range.start) / width : 1
  }

  let pulling = null
  function draw(one = chosen()) {
    const source = named("handles")
    if (!source) return
    const shown = model.enabled ? handles(one, knob()) : []
    source.data = {x: shown.map((h) => h.at[0]), y: shown.map((h) => h.at[1]), marker: shown.map((h) => h.marker)}
    const line = named("pulled")
    const [xs, ys] = pulling && one?.radius ? outline(one) : [[], []]
    if (line) line.data = xs.length ? {xs: [xs], ys: [ys]} : {xs: [], ys: []}
  }

  function grip(event, panel) {
    const near = ([x, y]) => {
      const [left, top] = panel.screen(x, y)
      return Math.hypot(left - event.clientX, top - event.clientY) <= REACH
    }
    const one = chosen()
    const own = handles(one, knob()).reverse().find((h) => near(h.at))
    if (own) return {one, kind: own.kind}
    const other = model.components.find((c) => near([c.x, c.y]))
    return other ? {one: other, kind: "center"} : null
  }

  // Where the hand has pulled it to: the whole shape to draw, and the part of it that is new.
  function shape({one, kind, from}, [x, y]) {
    const {u, v} = axes(one.position_angle)
    const [dx, dy] = [x - one.x, y - one.y]
    if (kind === "center") return {x: one.x + x - from[0], y: one.y + y - from[1]}
    if (kind === "size") return {radius: Math.max(LEAST_RADIUS, dx * u[0] + dy * u[1])}
    if (kind === "ratio") return {axis_ratio: Math.min(1, Math.max(LEAST_RATIO, Math.abs(dx * v[0] + dy * v[1]) / one.radius))}
    return {position_angle: ((Math.atan2(-dx, dy) * 180 / Math.PI) % 180 + 180) % 180}
  }

  const stop = (event) => { event.stopPropagation(); event.preventDefault() }
  function down(event) {
    if (event.button !== 0 || !model.enabled || tool) return
    const panel = panel_at(event)
    const held = panel && grip(event, panel)
    if (!held) return
    stop(event)
    pulling = {...held, panel, start: [event.clientX, event.clientY], from: panel.pixel(event.clientX, event.clientY), moved: false, sent: 0, timer: 0, now: {}}
    window.addEventListener("pointermove", move, true)
    window.addEventListener("pointerup", up, true)
    window.addEventListener("keydown", key, true)
  }
  function send() {
    pulling.timer = 0
    pulling.sent = performance.now()
    model.send_msg({type: "drag", name: pulling.one.name, shape: pulling.now})
  }
  function move(event) {
    stop(event)
    const [left, top] = pulling.start
    if (!pulling.moved && Math.hypot(event.clientX - left, event.clientY - top) < STILL) return
    pulling.moved = true
    pulling.panel.el.style.cursor = "grabbing"
    pulling.now = shape(pulling, pulling.panel.pixel(event.clientX, event.clientY))
    draw({...pulling.one, ...pulling.now})
    bubble.style.left = `${event.clientX + 16}px`
    bubble.style.top = `${event.clientY + 14}px`
    if (!pulling.timer) pulling.timer = setTimeout(send, Math.max(0, EVERY - (performance.now() - pulling.sent)))
  }
  function end() {
    window.removeEventListener("pointermove", move, true)
    window.removeEventListener("pointerup", up, true)
    window.removeEventListener("keydown", key, true)
    clearTimeout(pulling.timer)
    pulling.panel.el.style.cursor = ""
    const was = pulling
    pulling = null
    bubble.hidden = true
    return was
  }
  function up(event) {
    stop(event)
    const was = end()
    if (was.moved) model.send_msg({type: "drop", name: was.one.name, shape: was.now})
    else model.send_msg({type: "select", name: was.one.name})
    draw(was.moved ? {...was.one, ...was.now} : chosen())
  }
  function key(event) {
    if (event.key !== "Escape") return
    stop(event)
    end()
    model.send_msg({type: "abandon"})
    draw()
  }
  let tool = ""  // of the mask, which takes the pointer first
  const other_tool = (event) => { tool = event.detail }
  window.addEventListener("residua:tool", other_tool)
  let over = null
  function hover(event) {
    if (pulling || tool) return
    const panel = model.enabled ? panel_at(event) : null
    const held = panel && grip(event, panel)
    if (over && (!held || over !== panel.el)) { over.style.cursor = ""; over = null }
    if (held) { over = panel.el; over.style.cursor = held.kind === "center" ? "move" : "grab" }
  }

  document.addEventListener("pointerdown", down, true)
  document.addEventListener("pointermove", hover, true)
  model.on("remove", () => {
    window.removeEventListener("residua:tool", other_tool)
    document.removeEventListener("pointerdown", down, true)
    document.removeEventListener("pointermove", hover, true)
  })
  for (const name of ["components", "selected", "enabled"]) model.on(name, () => { if (!pulling) draw() })
  model.on("said", () => { bubble.textContent = model.said; bubble.hidden = !model.said || !pulling })
  model.on("after_render", () => {
    draw()
    const range = named("viewer-data")?.x_range
    range?.properties.end.change.connect(() => { if (!pulling) draw() })
  })
  return root
}
