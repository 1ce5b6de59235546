// Small helpers that are put before each of our scripts.

function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value)
    else if (typeof value === "boolean") element.toggleAttribute(name, value)
    else if (value != null) element.setAttribute(name, value)
  }
  element.append(...children.filter((child) => child != null))
  return element
}

const ICONS = {
  plus: '<path d="M8 3v10M3 8h10"/>',
  trash: '<path d="M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.5 8.5h6l.5-8.5"/>',
  pencil: '<path d="M3 13l.6-2.7 7.2-7.2 2.1 2.1-7.2 7.2z"/>',
  snap: '<circle cx="8" cy="8" r="4.5"/><circle cx="8" cy="8" r=".8"/><path d="M8 1.2v2.3M8 12.5v2.3M1.2 8h2.3M12.5 8h2.3"/>',
  undo: '<path d="M5.5 3 2.5 6l3 3M3 6h6.5a3.5 3.5 0 0 1 0 7H6"/>',
  open: '<path d="M6.5 3H3v10h10V9.5M9 2.5h4.5V7M13.2 2.8 7.5 8.5"/>',
  redo: '<path d="M10.5 3l3 3-3 3M13 6H6.5a3.5 3.5 0 0 0 0 7H10"/>',
  info: '<circle cx="8" cy="8" r="6"/><path d="M8 7.3v3.4M8 5v.1"/>',
  warn: '<path d="M8 2.5 14.2 13H1.8z"/><path d="M8 6.5v3M8 11.2v.1"/>',
  good: '<circle cx="8" cy="8" r="6"/><path d="M5.3 8.2l1.9 1.9 3.6-4"/>',
  bad: '<circle cx="8" cy="8" r="6"/><path d="M5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4"/>',
  file: '<path d="M4 2h5l3 3v9H4z"/><path d="M9 2v3h3"/>',
  whole: '<path d="M2 6V2h4M14 6V2h-4M2 10v4h4M14 10v4h-4"/>',
  closer: '<circle cx="7" cy="7" r="4.5"/><path d="M10.5 10.5 14 14M7 5v4M5 7h4"/>',
  wider: '<circle cx="7" cy="7" r="4.5"/><path d="M10.5 10.5 14 14M5 7h4"/>',
  cross: '<path d="M8 1.5v4.2M8 10.3v4.2M1.5 8h4.2M10.3 8h4.2"/>',
  box: '<path d="M3 4h10v8H3z"/>',
  ellipse: '<ellipse cx="8" cy="8" rx="6" ry="4.2"/>',
  polygon: '<path d="M3 6.5 8.5 2.5l5 4.5-2.5 6-6-.8z"/>',
  minus: '<path d="M3 3h10v10H3z" stroke-dasharray="2 2"/><path d="M5.5 8h5"/>',
  invert: '<circle cx="8" cy="8" r="5.5"/><path d="M8 2.5a5.5 5.5 0 0 1 0 11z" fill="currentColor"/>',
  text: '<path d="M6 4.5 2.5 8 6 11.5M10 4.5 13.5 8 10 11.5"/>',
  share: '<circle cx="4" cy="8" r="1.8"/><circle cx="12" cy="4" r="1.8"/><circle cx="12" cy="12" r="1.8"/><path d="M5.6 7.2 10.4 4.8M5.6 8.8l4.8 2.4"/>',
  upload: '<path d="M8 10.5V3M5 5.5 8 2.5l3 3M2.5 10.5v3h11v-3"/>',
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg")
  const look = {viewBox: "0 0 16 16", fill: "none", stroke: "currentColor", "stroke-width": "1.5", "stroke-linecap": "round",
                "stroke-linejoin": "round", "aria-hidden": "true"}
  for (const [key, value] of Object.entries(look)) svg.setAttribute(key, value)
  svg.innerHTML = ICONS[name]
  return svg
}

function icon_button(label, name, on_click, attributes = {}) {
  return el("button", {type: "button", class: "btn quiet icon", "aria-label": label, title: label, onclick: on_click, ...attributes},
            icon(name))
}

function note(kind, text) {
  return el("div", {class: `note ${kind}`}, icon({good: "good", warn: "warn", bad: "bad"}[kind] ?? "info"), el("span", {}, text))
}

// Whether a key goes into a field that takes text.
function typing(event) {
  const target = event.composedPath()[0]
  return target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "SELECT", "TEXTAREA"].includes(target.tagName)
    && !["checkbox", "radio", "button"].includes(target.type))
}

// Draw anew, and leave whoever has come to something there with the keyboard at the same thing, with the same text chosen.
function keep_focus(root, draw) {
  const before = root.getRootNode().activeElement
  const label = root.contains(before) ? before?.getAttribute("aria-label") : null
  const [start, end] = [before?.selectionStart, before?.selectionEnd]
  const whole = start === 0 && end === before.value.length
  draw()
  const now = label ? root.querySelector(`[aria-label="${CSS.escape(label)}"]`) : null
  if (!now || now === before) return
  now.focus()
  if (start == null || now.selectionStart == null) return  // a field and the button that stands for it have one name
  if (whole) now.select()
  else now.setSelectionRange(start, end)
}

// Whether something in an element is held down, with a pointer or the space bar. A click comes a little after its end.
const AFTER_MS = 50
function holding(root) {
  let [down, presses] = [false, 0]
  function begin(event) {
    if (event.type === "pointerdown" ? event.button !== 0 : event.key !== " ") return
    down = true
    const press = ++presses
    const over = new AbortController()
    const end = (event) => {
      // A pointer that moves with no button down was let go where no page hears it, as over the choices of a list.
      if (event.type === "pointermove" && event.buttons) return
      over.abort()
      setTimeout(() => { if (press === presses) down = false }, AFTER_MS)
    }
    for (const name of ["pointerup", "pointercancel", "pointermove", "keyup"]) {
      window.addEventListener(name, end, {capture: true, signal: over.signal})
    }
  }
  root.addEventListener("pointerdown", begin)
  root.addEventListener("keydown", begin)
  return () => down
}

// How to draw what the server says, or what follows when a field is left, where drawing puts new elements in place of
// the old ones: not while one of them is pressed, for a button that is gone before it is let go gets no click; nor while
// a text is typed into one of `fields`, a selector of those that send theirs when they are left.
const LOOK_AGAIN_MS = 30
function patient(root, draw, fields = null) {
  let waits = false
  const held = holding(root)
  function typed() {
    const field = root.getRootNode().activeElement
    return fields && root.contains(field) && field.matches(fields) && field.value !== field.defaultValue
  }
  function now() {
    waits = Boolean(held() || typed())
    if (waits) setTimeout(now, LOOK_AGAIN_MS)
    else keep_focus(root, draw)
  }
  return () => { if (!waits) now() }
}

// Switch off what would change a project that is only lent for reading, also after it is drawn again.
function keep_locked(root, model) {
  if (!model.locked || !root) return root
  const lock = () => {
    for (const control of root.querySelectorAll(model.locks)) {
      if (control.disabled) continue
      control.disabled = true
      control.title = model.locked
    }
  }
  new MutationObserver(lock).observe(root, {childList: true, subtree: true, attributes: true, attributeFilter: ["disabled"]})
  lock()
  return root
}
