// The runs of a project: sort, filter, tag, note, star, tick to compare, delete and bring back. The address keeps sort and filter.

const COLUMNS = [
  ["starred", "★", "Starred"], ["number", "#", "Number, in the order they were started"], ["fitter", "Fitter"], ["status", "Status"],
  ["chi2_dof", "χ²/dof"], ["seconds", "Seconds"], ["created", "Started"], ["tags", "Tags"], ["note", "Note"],
]

export function render({model}) {
  const said = new URLSearchParams(location.search)
  const look = {text: said.get("q") ?? "", fitter: said.get("fitter") ?? "", status: said.get("status") ?? "", tag: said.get("tag") ?? "",
                sort: said.get("sort") ?? "created", down: said.get("down") !== "0"}
  const ticked = new Set()
  let editing = ""
  const root = el("div", {class: "stack run-list"})
  const bar = el("div", {class: "row wrap", role: "search"})
  const undo = el("div", {role: "status"})
  const table = el("div", {class: "scroll-x"})
  root.append(bar, undo, table)

  const find = el("input", {type: "search", class: "field", placeholder: "Find in runs", "aria-label": "Find in runs", value: look.text})
  find.addEventListener("input", () => { look.text = find.value; draw() })

  function kept() {
    const words = look.text.toLowerCase().split(/\s+/).filter(Boolean)
    return model.rows.filter((row) => {
      const text = [row.fitter, row.key, row.status, row.message, row.note, row.options, ...row.tags].join(" ").toLowerCase()
      return words.every((word) => text.includes(word)) && (!look.fitter || row.fitter === look.fitter)
        && (!look.status || row.status === look.status) && (!look.tag || row.tags.includes(look.tag))
    })
  }
  function ordered() {
    const key = (row) => (look.sort === "tags" ? row.tags.join(" ") : row[look.sort])
    return kept().sort((a, b) => {
      const [x, y] = [key(a), key(b)]
      // Runs without a number stand last, whichever way it is sorted.
      if (x == null || y == null) return (x == null) - (y == null)
      const order = typeof x === "string" ? x.localeCompare(y, undefined, {numeric: true}) : Number(x) - Number(y)
      return look.down ? -order : order
    })
  }
  function remember() {
    const query = new URLSearchParams()
    for (const [name, value] of [["q", look.text], ["fitter", look.fitter], ["status", look.status], ["tag", look.tag]]) if (value) query.set(name, value)
    if (look.sort !== "created") query.set("sort", look.sort)
    if (!look.down) query.set("down", "0")
    history.replaceState(null, "", location.pathname + (query.size ? `?${query}` : ""))
  }
  function chooser(label, name, values) {
    const control = el("select", {class: "field", "aria-label": label})
    control.add(new Option(`${label}: all`, ""))
    for (const value of [...new Set([...values, ...(look[name] ? [look[name]] : [])])].sort()) control.add(new Option(value, value, false, value === look[name]))
    control.onchange = () => { look[name] = control.value; draw() }
    return control
  }
  function draw_bar() {
    const chosen = model.rows.filter((row) => ticked.has(row.id)).sort((a, b) => a.created - b.created).map((row) => row.id)
    const compare = el("button", {type: "button", class: "btn strong", disabled: chosen.length < 1, onclick: () => { location.href = `/compare?runs=${chosen.join(",")}` }},
      chosen.length ? `Compare ${chosen.length}` : "Compare")
    const drop = el("button", {type: "button", class: "btn drop", disabled: !chosen.length, onclick: () => model.send_msg({type: "delete", ids: chosen})}, "Delete")
    bar.replaceChildren(find, chooser("Fitter", "fitter", model.rows.map((row) => row.fitter)), chooser("Status", "status", model.rows.map((row) => row.status)),
      chooser("Tag", "tag", model.rows.flatMap((row) => row.tags)), el("span", {class: "grow"}),
      el("button", {type: "button", class: "btn", disabled: !model.rows.length, onclick: save}, "CSV"), drop, compare)
  }
  function draw_undo() {
    undo.replaceChildren(...(model.error ? [note("bad", model.error)] : []),
      ...(model.deleted.length ? [el("div", {class: "note"}, icon("trash"), el("span", {class: "row"},
        el("span", {}, `${model.deleted.length === 1 ? "One run" : `${model.deleted.length} runs`} deleted; kept for a day.`),
        el("button", {type: "button", class: "btn small", onclick: () => model.send_msg({type: "restore", ids: model.deleted})}, "Undo")))] : []))
  }
  function head([key, title, help]) {
    const on = look.sort === key
    return el("th", {scope: "col", "aria-sort": on ? (look.down ? "descending" : "ascending") : "none", class: ["chi2_dof", "seconds", "number"].includes(key) ? "right" : ""},
      el("button", {type: "button", class: "sort", title: help ?? title, "aria-label": help ?? title, onclick: () => {
        if (on) look.down = !look.down
        else { look.sort = key; look.down = ["starred", "created"].includes(key) }
        draw()
      }}, title + (on ? (look.down ? " ↓" : " ↑") : "")))
  }
  // A text that becomes a field when it is pressed; Enter keeps, Escape leaves as it was.
  function editable(row, name, text, empty, label, send) {
    const key = `${row.id} ${name}`
    if (editing !== key) {
      return el("button", {type: "button", class: `edit ${text ? "" : "muted"}`, "aria-label": `${label} of run ${row.number}`, title: text || empty, onclick: () => {
        editing = key
        draw()
        table.querySelector("input.editing")?.focus()
      }}, text || empty)
    }
    const field = el("input", {class: "field editing", "aria-label": `${label} of run ${row.number}`, value: text})
    let done = false
    const finish = (keep) => {
      if (done) return
      done = true
      editing = ""
      if (keep && field.value !== text) send(field.value)
      else redraw()
    }
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === "Escape") { finish(event.key === "Enter"); event.preventDefault() }
    })
    field.addEventListener("blur", () => finish(true))
    return field
  }
  const annotate = (row, what) => model.send_msg({type: "annotate", id: row.id, ...what})
  function line(row) {
    const tick = el("input", {type: "checkbox", "aria-label": `Tick run ${row.number}`})
    tick.checked = ticked.has(row.id)
    tick.onchange = () => { if (tick.checked) ticked.add(row.id); else ticked.delete(row.id); draw_bar() }
    return el("tr", {},
      el("td", {class: "center"}, tick),
      el("td", {class: "center"}, el("button", {type: "button", class: `star ${row.starred ? "on" : ""}`, "aria-pressed": String(row.starred),
        "aria-label": `Star run ${row.number}`, onclick: () => annotate(row, {starred: !row.starred})}, row.starred ? "★" : "☆")),
      el("td", {class: "num right"}, String(row.number)),
      el("th", {scope: "row"}, el("span", {class: "round", style: `background:${row.color}`}), " ", el("a", {href: `/run/${row.id}`}, row.fitter)),
      el("td", {title: row.message}, el("span", {class: `state ${row.kind}`}, icon({good: "good", warn: "warn", bad: "bad"}[row.kind] ?? "info")), ` ${row.status}`),
      el("td", {class: "num right"}, row.chi2_dof == null ? "" : row.chi2_dof.toFixed(4)),
      el("td", {class: "num right"}, row.seconds == null ? "" : row.seconds.toFixed(2)),
      el("td", {class: "num"}, row.when),
      el("td", {}, editable(row, "tags", row.tags.join(", "), "add tag", "Tags", (text) => annotate(row, {tags: text.split(",")}))),
      el("td", {class: "note-cell"}, editable(row, "note", row.note, "add note", "Note", (text) => annotate(row, {note: text}))))
  }
  function draw() {
    remember()
    draw_bar()
    draw_undo()
    if (editing && table.querySelector("input.editing") && table.querySelector("input.editing") === root.getRootNode().activeElement) return
    const rows = ordered()
    if (!model.rows.length) {
      table.replaceChildren(el("div", {class: "void"}, el("h2", {}, "No runs yet"), el("p", {class: "muted"}, "Press Fit at the workbench, and they appear here.")))
      return
    }
    const all = el("input", {type: "checkbox", "aria-label": "Tick all that are shown"})
    all.checked = rows.length > 0 && rows.every((row) => ticked.has(row.id))
    all.onchange = () => { for (const row of rows) if (all.checked) ticked.add(row.id); else ticked.delete(row.id); draw() }
    table.replaceChildren(el("table", {"aria-label": "Runs", class: "runs-table"}, el("thead", {}, el("tr", {}, el("th", {class: "center"}, all), ...COLUMNS.map(head))),
      el("tbody", {}, ...rows.map(line))), el("p", {class: "muted small", role: "status"}, rows.length === model.rows.length ? `${rows.length} run${rows.length === 1 ? "" : "s"}.` : `${rows.length} of ${model.rows.length} runs shown.`))
  }
  function save() {
    // A spreadsheet must not take a text for a formula.
    const cell = (value) => {
      if (value == null || typeof value === "number") return value == null ? "" : String(value)
      const safe = /^[=+@\t-]/.test(value) ? `'${value}` : value
      return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
    }
    const names = ["number", "id", "key", "status", "chi2_dof", "seconds", "started", "starred", "tags", "note", "options", "message"]
    const lines = ordered().map((row) => ({...row, started: new Date(row.created * 1000).toISOString(), starred: row.starred ? 1 : 0, tags: row.tags.join("; ")}))
    const text = [names.map((name) => (name === "key" ? "fitter" : name)).join(","), ...lines.map((row) => names.map((name) => cell(row[name])).join(","))].join("\n") + "\n"
    const link = el("a", {href: URL.createObjectURL(new Blob([text], {type: "text/csv"})), download: `residua-runs-${model.project}.csv`})
    document.body.append(link)
    link.click()
    link.remove()
    setTimeout(() => URL.revokeObjectURL(link.href), 1000)
  }
  const redraw = patient(root, draw)
  const redraw_undo = patient(undo, draw_undo)
  model.on("rows", () => { for (const id of [...ticked]) if (!model.rows.some((row) => row.id === id)) ticked.delete(id); redraw() })
  model.on("deleted", redraw_undo)
  model.on("error", redraw_undo)
  draw()
  return root
}
