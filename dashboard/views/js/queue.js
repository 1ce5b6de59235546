// The queue: what goes on and what waits, in the order in which it will start; cancel one, some or all.

export function render({model}) {
  const ticked = new Set()
  const root = el("div", {class: "stack queue"})
  const bar = el("div", {class: "row wrap"})
  const said = el("div", {role: "status", class: "stack"})
  const table = el("div", {class: "scroll-x"})
  root.append(bar, said, table)

  // Times go on by themselves between two looks at the server.
  const clocks = new Map()
  const elapsed = (since) => {
    const seconds = Math.max(0, Math.round(Date.now() / 1000 - since))
    const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
    const two = (number) => String(number).padStart(2, "0")
    return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`
  }
  const tick = () => { for (const [cell, since] of clocks) cell.textContent = elapsed(since) }
  const timer = setInterval(() => { if (root.isConnected) tick() }, 1000)
  const cancel = (ids) => model.send_msg({type: "cancel", ids})

  function draw_bar() {
    const chosen = model.rows.filter((row) => ticked.has(row.id) && !row.stopping).map((row) => row.id)
    bar.replaceChildren(el("span", {class: "num", "aria-live": "off"}, model.headline), el("span", {class: "grow"}),
      el("button", {type: "button", class: "btn", disabled: !chosen.length, onclick: () => { cancel(chosen); ticked.clear(); draw() }},
        chosen.length ? `Cancel ${chosen.length}` : "Cancel"))
  }
  function draw_said() {
    said.replaceChildren(...(model.trouble ? [note("warn", model.trouble)] : []), ...(model.error ? [note("bad", model.error)] : []))
  }
  function line(row) {
    const box = el("input", {type: "checkbox", "aria-label": `Tick ${row.fitter} of ${row.project}`, disabled: row.stopping})
    box.checked = ticked.has(row.id)
    box.onchange = () => { if (box.checked) ticked.add(row.id); else ticked.delete(row.id); draw_bar() }
    const time = el("td", {class: "num right"}, elapsed(row.since))
    clocks.set(time, row.since)
    return el("tr", {class: row.running ? "running" : ""},
      el("td", {class: "center"}, box),
      el("td", {class: "num right"}, row.running ? el("span", {class: "chip on"}, "running") : String(row.place)),
      el("th", {scope: "row"}, el("span", {class: "round", style: `background:${row.color}`}), " ", el("a", {href: `/run/${row.id}`}, row.fitter)),
      el("td", {class: "project"}, el("a", {href: `/fit/${row.project_id}`}, row.project)),
      ...(model.everybody ? [el("td", {}, row.who)] : []),
      time,
      el("td", {class: "muted"}, row.expected),
      el("td", {class: "num right muted"}, row.memory),
      el("td", {class: "progress", title: row.progress}, row.stopping ? "stopping" : row.progress),
      el("td", {class: "center"}, icon_button(`Cancel ${row.fitter} of ${row.project}`, "bad", () => cancel([row.id]), {disabled: row.stopping})))
  }
  function draw() {
    for (const id of [...ticked]) if (!model.rows.some((row) => row.id === id)) ticked.delete(id)
    draw_bar()
    draw_said()
    clocks.clear()
    if (!model.rows.length) {
      const text = model.everybody ? "Fits of everybody who works here appear while they wait or go on."
        : "Press Fit at a workbench: while it waits or goes on, the fit is here. What has ended is among the runs of its project."
      table.replaceChildren(el("div", {class: "void"}, el("h2", {}, "Nothing waits"), el("p", {class: "muted"}, text), el("p", {}, el("a", {href: "/"}, "All projects"))))
      return
    }
    const all = el("input", {type: "checkbox", "aria-label": "Tick all"})
    all.checked = model.rows.every((row) => ticked.has(row.id))
    all.onchange = () => { for (const row of model.rows) if (all.checked && !row.stopping) ticked.add(row.id); else ticked.delete(row.id); keep_focus(root, draw) }
    const head = (text, right) => el("th", {scope: "col", class: right ? "right" : ""}, text)
    table.replaceChildren(el("table", {"aria-label": "Queue", class: "queue-table"}, el("thead", {}, el("tr", {}, el("th", {class: "center"}, all),
      head("Turn", true), head("Fitter"), head("Project"), ...(model.everybody ? [head("Who")] : []), head("Time", true), head("Expected"), head("Memory", true), head("Progress"), head(""))),
      el("tbody", {}, ...model.rows.map(line))))
  }
  // The table is drawn anew with every look at the server.
  const redraw = patient(root, draw)
  for (const name of ["rows", "everybody"]) model.on(name, redraw)
  model.on("headline", patient(root, draw_bar))
  for (const name of ["trouble", "error"]) model.on(name, draw_said)
  model.on("remove", () => clearInterval(timer))
  draw()
  return root
}
