// Values of all runs with their uncertainties, and the difference to one of them, or to the truth, in sigma.

const LARGE = 1  // from this many sigma on a difference is marked

function decimals(sigma) {
  return sigma > 0 && Number.isFinite(sigma) ? Math.min(Math.max(0, 1 - Math.floor(Math.log10(sigma))), 8) : null
}
function number(value, sigma) {
  if (value == null) return ""
  const digits = decimals(sigma)
  return digits == null ? String(Number(value.toPrecision(6))) : value.toFixed(digits)
}

export function render({model}) {
  let by = null, down = true, differing = false
  const root = el("div", {class: "stack"})
  const said = el("span", {role: "status", class: "muted small"})
  const reference = () => model.labels.findIndex(([id]) => id === model.reference)
  const off = (row, run) => (model.reference === "truth" ? row.from_truth[run] : run === reference() ? null : row.tension[run][reference()])
  const worst = (row) => Math.max(...model.labels.map((_, run) => Math.abs(off(row, run) ?? 0)))

  function shown() {
    const rows = model.rows.filter((row) => !differing || worst(row) >= LARGE)
    if (by == null) return rows
    const key = by === "name" ? (row) => row.label : by === "worst" ? worst : (row) => row.values[by] ?? -Infinity
    const sorted = [...rows].sort((a, b) => (by === "name" ? key(a).localeCompare(key(b), undefined, {numeric: true}) : key(a) - key(b)))
    return down ? sorted.reverse() : sorted
  }
  function head(title, key, attributes = {}) {
    const sort = by === key ? (down ? "descending" : "ascending") : "none"
    const mark = sort === "none" ? "" : down ? " ↓" : " ↑"
    return el("th", {scope: "col", "aria-sort": sort, ...attributes}, el("button", {type: "button", class: "sort", onclick: () => {
      if (by === key) down = !down
      else { by = key; down = key !== "name" }
      draw()
    }}, ...[title].flat(), mark))
  }
  function cells(row) {
    return model.labels.map((_, run) => {
      const [value, sigma, apart] = [row.values[run], row.uncertainties[run], off(row, run)]
      if (value == null) return el("td", {class: "muted right"}, "not fitted")
      const text = sigma == null ? number(value, null) : `${number(value, sigma)} ± ${number(sigma, sigma)}`
      const far = apart != null && Math.abs(apart) >= LARGE
      const mark = apart == null ? "" : Math.abs(apart) < 0.005 ? "0.00 σ" : `${apart < 0 ? "−" : "+"}${Math.abs(apart).toFixed(Math.abs(apart) < 10 ? 2 : 0)} σ`
      return el("td", {class: "right num"}, text, el("span", {class: `apart ${far ? "far" : "muted"}`}, run === reference() ? "reference" : mark))
    })
  }
  function draw() {
    // Labels and rows arrive one after the other: what does not fit together yet is drawn when the rest is there.
    if (model.rows.some((row) => row.values.length !== model.labels.length)) return
    const truth = model.has_truth
    const choose = el("select", {class: "field", "aria-label": "Difference to"})
    for (const [id, label] of model.labels) choose.add(new Option(label, id, false, id === model.reference))
    if (truth) choose.add(new Option("true values", "truth", false, model.reference === "truth"))
    choose.onchange = () => model.send_msg({type: "reference", reference: choose.value})
    const only = el("input", {type: "checkbox"})
    only.checked = differing
    only.onchange = () => { differing = only.checked; draw() }
    const rows = shown()
    const hidden = model.rows.length - rows.length
    root.replaceChildren(
      el("div", {class: "row wrap"}, el("label", {class: "row"}, el("span", {class: "muted"}, "Difference to"), choose),
        el("label", {class: "check"}, only, `Only differences of ${LARGE} σ or more`),
        el("span", {class: "grow"}), said,
        el("button", {type: "button", class: "btn small", onclick: () => copy("CSV", csv())}, "Copy CSV"),
        el("button", {type: "button", class: "btn small", onclick: () => copy("LaTeX", latex())}, "Copy LaTeX")),
      rows.length ? el("div", {class: "scroll-x"}, el("table", {"aria-label": "Parameters of the runs", class: "values"},
        el("thead", {}, el("tr", {}, head("Parameter", "name"), ...(truth ? [el("th", {scope: "col", class: "right"}, "true")] : []),
          ...model.labels.map(([, label, color], run) => head([el("span", {class: "round", style: `background:${color}`}), ` ${label}`], run, {class: "right"})),
          head("largest difference", "worst", {class: "right"}))),
        el("tbody", {}, ...rows.map((row) => el("tr", {}, el("th", {scope: "row"}, row.label, el("span", {class: "muted small"}, row.unit ? ` ${row.unit}` : "")),
          ...(truth ? [el("td", {class: "right num"}, row.truth == null ? "" : number(row.truth, Math.min(...row.uncertainties.filter((s) => s != null))))] : []),
          ...cells(row), el("td", {class: "right num"}, `${worst(row).toFixed(2)} σ`))))))
        : el("p", {class: "muted"}, `No parameter differs by ${LARGE} σ or more.`),
      el("p", {class: "muted small"}, hidden ? `${hidden} of ${model.rows.length} parameters differ by less and are not shown.` : ""))
  }
  async function copy(what, text) {
    try { await navigator.clipboard.writeText(text) } catch {
      // Without a secure address browsers have the old way only.
      const area = el("textarea", {style: "position:fixed;opacity:0"})
      area.value = text
      document.body.append(area)
      area.select()
      document.execCommand("copy")
      area.remove()
    }
    said.textContent = `${what} copied: ${shown().length} parameters.`
  }
  function csv() {
    const quote = (text) => (/[",\n]/.test(text) || /^[=+@-]/.test(text) ? `"${(/^[=+@-]/.test(text) ? "'" : "") + text.replaceAll('"', '""')}"` : text)
    const names = model.labels.map(([, label]) => label)
    const lines = [["parameter", "unit", ...(model.has_truth ? ["true"] : []), ...names.flatMap((n) => [n, `${n} uncertainty`, `${n} difference in sigma`])]]
    for (const row of shown()) lines.push([row.name, row.unit, ...(model.has_truth ? [row.truth ?? ""] : []),
      ...names.flatMap((_, run) => [row.values[run] ?? "", row.uncertainties[run] ?? "", off(row, run) ?? ""])])
    return lines.map((line) => line.map((cell) => (typeof cell === "number" ? String(cell) : quote(String(cell)))).join(",")).join("\n") + "\n"
  }
  function latex() {
    const clean = (text) => text.replace(/[\\{}$&#^_%~]/g, (c) => ({"\\": "\\textbackslash{}", "^": "\\^{}", "~": "\\~{}"}[c] ?? `\\${c}`))
      .replace("ₑ", "$_{\\rm e}$")
    const body = shown().map((row) => [clean(row.label) + (row.unit ? ` [${clean(row.unit)}]` : ""), ...model.labels.map((_, run) => (row.values[run] == null ? "--"
      : row.uncertainties[run] == null ? `$${number(row.values[run], null)}$` : `$${number(row.values[run], row.uncertainties[run])} \\pm ${number(row.uncertainties[run], row.uncertainties[run])}$`))].join(" & "))
    const names = model.labels.map(([, label]) => clean(label))
    return `\\begin{tabular}{l${"r".repeat(names.length)}}\n\\hline\n${["Parameter", ...names].join(" & ")} \\\\\n\\hline\n${body.join(" \\\\\n")} \\\\\n\\hline\n\\end{tabular}\n`
  }
  const redraw = patient(root, draw)
  for (const name of ["labels", "rows", "reference", "has_truth"]) model.on(name, redraw)
  draw()
  return root
}
