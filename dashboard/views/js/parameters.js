// The parameter table: value, uncertainty, free or fixed, bounds. A changed cell is sent; a refused one goes back.

const DIGITS = 6

// A value with the digits that two significant digits of its uncertainty allow; without one, six digits.
function shown(value, uncertainty) {
  if (value == null) return ""
  const size = Math.abs(value)
  const plain = size === 0 || (size < 1e7 && size >= 1e-4)
  if (uncertainty > 0 && Number.isFinite(uncertainty)) {
    const last = Math.floor(Math.log10(uncertainty)) - 1  // power of ten of the last digit shown
    if (plain && last >= -10) return value.toFixed(Math.max(0, -last))
    if (size > 0) return value.toExponential(Math.min(12, Math.max(1, Math.floor(Math.log10(size)) - last)))
  }
  return plain ? String(Number(value.toPrecision(DIGITS))) : value.toExponential(4)
}
const bound = (value) => (value == null ? "" : String(Number(value.toPrecision(DIGITS))))

export function render({model}) {
  const body = el("tbody")
  const error = el("div", {class: "refused", role: "alert"})
  const table = el("table", {"aria-label": "Parameters"},
    el("thead", {}, el("tr", {}, ...[["Parameter", ""], ["Value", "right"], ["Uncertainty", "left"], ["Unit", ""], ["Free", "center"],
      ["Lower", "right"], ["Upper", "right"], ["Remark", ""]].map(([text, side]) => el("th", {scope: "col", class: side}, text)))),
    body)
  const empty = el("p", {class: "muted empty"}, "Parameters appear here when the scene has a component.")
  const root = el("div", {class: "table-box"}, error, el("div", {class: "scroll"}, table, empty))

  function cell(row, column, text, full) {
    const label = `${row.component} ${row.label} ${column}`
    const field = el("input", {class: "num", inputmode: "decimal", value: text, "aria-label": label, autocomplete: "off",
                               spellcheck: "false", placeholder: column === "value" ? "" : "–"})
    if (row.link && column === "value") field.readOnly = true
    field.addEventListener("focus", () => { if (full !== "") field.value = field.defaultValue = full; field.select() })
    const restore = () => { field.value = field.defaultValue = text }
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") field.blur()
      if (event.key === "Escape") { event.stopPropagation(); field.value = field.defaultValue; field.blur() }
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        const all = [...root.querySelectorAll(`input[data-column="${column}"]`)]
        all[all.indexOf(field) + (event.key === "ArrowDown" ? 1 : -1)]?.focus()
        event.preventDefault()
      }
    })
    field.dataset.column = column
    field.addEventListener("blur", () => {
      const typed = field.value.trim()
      if (typed === field.defaultValue.trim()) { restore(); return }
      model.send_msg({type: "edit", key: row.key, column, value: typed.replace("−", "-")})
    })
    return el("td", {class: `right ${column}`}, field)
  }

  function line(row) {
    const free = el("input", {type: "checkbox", "aria-label": `${row.component} ${row.label} free`, disabled: Boolean(row.link)})
    free.checked = row.free
    free.addEventListener("change", () => model.send_msg({type: "edit", key: row.key, column: "free", value: free.checked}))
    const uncertain = row.uncertainty == null ? "" : `± ${shown(row.uncertainty, row.uncertainty)}`
    return el("tr", {class: row.selected ? "selected" : ""},
      el("th", {scope: "row", title: row.help}, row.label),
      cell(row, "value", shown(row.value, row.uncertainty), row.value == null ? "" : String(row.value)),
      el("td", {class: "num muted"}, uncertain),
      el("td", {class: "muted"}, row.unit),
      el("td", {class: "center"}, free),
      cell(row, "lower", bound(row.lower), row.lower == null ? "" : String(row.lower)),
      cell(row, "upper", bound(row.upper), row.upper == null ? "" : String(row.upper)),
      el("td", {class: `remark ${row.remark_kind}`, title: row.remark}, row.remark))
  }

  function draw() {
    const lines = []
    let component = null
    for (const row of model.rows) {
      if (row.component !== component) {
        component = row.component
        lines.push(el("tr", {class: `group ${row.selected ? "selected" : ""}`},
          el("th", {scope: "rowgroup", colspan: "8"}, el("span", {class: "dot", style: `background:${row.color}`}), component,
            el("span", {class: "muted kind"}, row.model))))
      }
      lines.push(line(row))
    }
    body.replaceChildren(...lines)
    table.hidden = !model.rows.length
    empty.hidden = Boolean(model.rows.length)
  }
  function refuse() {
    error.replaceChildren(...(model.error ? [note("bad", model.error)] : []))
    if (model.error) redraw()
  }
  const redraw = patient(root, draw, "td input.num")
  model.on("rows", redraw)
  model.on("error", refuse)
  draw()
  refuse()
  return root
}
