// A lesson: text, cells of Python with their widgets and outputs, and the way to the other pages.

export function render({model}) {
  const cells = new Map()

  function sparkline(values) {
    const good = values.filter((v) => v > 0).map(Math.log)
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg")
    svg.setAttribute("viewBox", "0 0 120 24")
    svg.setAttribute("class", "spark")
    svg.setAttribute("aria-hidden", "true")
    if (good.length > 1) {
      const low = Math.min(...good), high = Math.max(...good), span = high - low || 1
      const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline")
      line.setAttribute("points", good.map((v, i) => `${(118 * i / (good.length - 1) + 1).toFixed(1)},${(22 - 20 * (v - low) / span).toFixed(1)}`).join(" "))
      svg.append(line)
    }
    return svg
  }

  function control(cell, widget) {
    const id = `${cell.name}-${widget.variable}`
    const send = (value) => model.send_msg({type: "set", variable: widget.variable, value})
    const about = {id, "aria-describedby": `${id}-help`}
    let field, slider = null
    if (widget.kind === "switch") {
      field = el("input", {type: "checkbox", ...about, onchange: () => send(field.checked)})
      field.checked = widget.value
    } else if (widget.kind === "choice") {
      field = el("select", {class: "field", ...about, onchange: () => send(field.value)})
      for (const choice of widget.choices) field.add(new Option(choice, choice, false, choice === widget.value))
    } else {
      field = el("input", {class: "field num", ...about, value: widget.value, inputmode: "decimal", autocomplete: "off", onchange: () => send(field.value)})
      if (widget.low != null && widget.high != null) {
        slider = el("input", {type: "range", min: widget.low, max: widget.high, step: widget.kind === "whole" ? 1 : "any", value: widget.value,
                              "aria-label": `${widget.variable}, slider`, tabindex: "-1",
                              oninput: () => { field.value = widget.kind === "whole" ? slider.value : Number(slider.value).toPrecision(3) },
                              onchange: () => send(field.value)})
      }
    }
    const refusal = el("p", {class: "refusal small", role: "alert", hidden: true})
    const box = el("div", {class: "widget"},
      el("label", {for: id}, widget.variable), slider, field,
      el("p", {class: "muted small help", id: `${id}-help`}, widget.help + (widget.range ? ` (${widget.range})` : "")), refusal)
    function show() {
      const value = model.values[widget.variable] ?? widget.value
      const why = model.refused[widget.variable]
      if (field.type === "checkbox") field.checked = value
      else if (!why) field.value = value
      if (slider && !why) slider.value = value
      field.setAttribute("aria-invalid", String(Boolean(why)))
      refusal.textContent = why ?? ""
      refusal.hidden = !why
    }
    return {box, show}
  }

  function cell_box(cell, number) {
    const code = el("pre", {class: "code", "aria-label": "Source"})
    const widgets = cell.widgets.map((widget) => control(cell, widget))
    const run = el("button", {type: "button", class: "btn run-cell", "aria-label": `Run cell ${cell.name}`, title: "Run this cell (Shift+Enter)",
                              onclick: () => act()}, "Run")
    const about = el("span", {class: "muted small grow", role: "status"})
    const progress = el("div", {class: "live row"})
    const output = el("div", {class: "outputs"})
    const error = el("div", {role: "alert"})
    const box = el("section", {class: "cell", tabindex: "0", "aria-label": `Cell ${number}: ${cell.name}`},
      el("div", {class: "source"}, code, widgets.length ? el("div", {class: "widgets"}, ...widgets.map((one) => one.box)) : null,
         el("div", {class: "row bar"}, about, progress, run)),
      error, output)

    function act() {
      if (model.running === cell.name) model.send_msg({type: "stop"})
      else if (!model.running) model.send_msg({type: "run", cell: cell.name})
    }
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.shiftKey) { event.preventDefault(); event.target.blur?.(); box.focus(); act() }
    })
    function show() {
      const ran = model.outputs[cell.name]
      code.innerHTML = model.sources[cell.name] ?? cell.source
      const html = ran ? ran.html : cell.outputs
      if (output.dataset.html !== html) { output.innerHTML = html; output.dataset.html = html }
      output.hidden = !html
      widgets.forEach((one) => one.show())
      show_state()
    }
    function show_state() {
      const ran = model.outputs[cell.name]
      const mine = model.running === cell.name
      run.textContent = mine ? "Stop" : "Run"
      run.setAttribute("aria-label", `${mine ? "Stop" : "Run"} cell ${cell.name}`)
      run.disabled = Boolean(model.running) && !mine
      about.textContent = mine ? model.progress.words ?? "" : ran ? `your run, ${ran.seconds}` : cell.about
      progress.replaceChildren(...(mine ? [sparkline(model.progress.curve ?? [])] : []))
      box.classList.toggle("running", mine)
      const sentence = model.error && model.error_cell === cell.name ? model.error : ""
      error.replaceChildren(...(sentence ? [note("warn", sentence)] : []))
    }
    cells.set(cell.name, {box, show, show_state})
    return box
  }

  function link(page, label) {
    return page ? el("a", {class: `turn ${label}`, href: page.href, rel: label === "next" ? "next" : "prev"},
      el("span", {class: "muted small"}, label === "next" ? "Next" : "Before this"), el("span", {}, page.title)) : el("span")
  }

  const contents = el("nav", {class: "contents", "aria-label": "Tutorial"}, el("h2", {class: "section"}, "Tutorial"),
    el("ol", {}, ...model.pages.map((page) =>
      el("li", {}, el("a", {href: page.href, "aria-current": page.current ? "page" : null}, page.title)))))
  const article = el("article", {"aria-label": model.title},
    el("header", {}, el("h1", {}, model.title), el("p", {class: "lead"}, model.summary),
      el("div", {class: "row tools"},
        el("button", {type: "button", class: "btn", onclick: () => model.send_msg({type: "open"})}, "Open in the workbench"),
        el("a", {class: "btn", href: model.download, download: ""}, "Download notebook"),
        el("button", {type: "button", class: "btn quiet", onclick: () => model.send_msg({type: "reset"}), title: "The text's values and the stored outputs"}, "Reset"),
        el("span", {class: "muted small grow cost"}, model.cost))))
  let number = 0
  for (const part of model.parts) {
    if (part.kind === "text") {
      const passage = el("div", {class: "prose"})
      passage.innerHTML = part.html
      article.append(passage)
    } else article.append(cell_box(part, ++number))
  }
  const made = el("p", {class: "muted small made"}, model.made)
  article.append(el("nav", {class: "turns", "aria-label": "Pages"}, link(model.before, "before"), link(model.after, "next")), made)
  const root = el("div", {class: "lesson"}, contents, article)

  const all = (what) => () => cells.forEach((cell) => cell[what]())
  for (const name of ["outputs", "sources", "values", "refused"]) model.on(name, all("show"))
  for (const name of ["running", "progress", "error", "error_cell"]) model.on(name, all("show_state"))
  model.on("go", () => { if (model.go) window.location.assign(model.go) })
  all("show")()

  const keys = (event) => {
    const target = event.composedPath()[0]
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName)) return
    const boxes = [...cells.values()].map((cell) => cell.box)
    const at = boxes.findIndex((box) => box.matches(":focus-within") || box === target)
    if (event.key === "j" || event.key === "k") {
      const next = boxes[Math.max(0, Math.min(boxes.length - 1, at + (event.key === "j" ? 1 : -1)))]
      next?.focus({preventScroll: true})
      next?.scrollIntoView({block: "center", behavior: "smooth"})
    }
    if (event.key === "n" && model.after) window.location.assign(model.after.href)
    if (event.key === "p" && model.before) window.location.assign(model.before.href)
  }
  document.addEventListener("keydown", keys)
  model.on("remove", () => document.removeEventListener("keydown", keys))
  return root
}
