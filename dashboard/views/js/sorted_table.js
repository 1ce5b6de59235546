// A table that sorts by any of its columns. Cells: {text, sort, kind, title}; a kind of good, warn or bad never stands without words.

export function render({model}) {
  let by = null, down = false
  const root = el("div", {class: "scroll"})
  function ordered() {
    if (by == null) return model.rows
    const key = (row) => row[by]?.sort ?? row[by]?.text ?? ""
    const compare = (a, b) => {
      const [x, y] = [key(a), key(b)]
      if (typeof x === "number" && typeof y === "number") return x - y
      return String(x).localeCompare(String(y), undefined, {numeric: true})
    }
    const rows = [...model.rows].sort(compare)
    return down ? rows.reverse() : rows
  }
  function head(column) {
    const sort = by === column.key ? (down ? "descending" : "ascending") : "none"
    const mark = sort === "none" ? "" : down ? " ↓" : " ↑"
    return el("th", {scope: "col", class: column.side ?? "", "aria-sort": sort},
      el("button", {type: "button", class: "sort", title: column.help ?? "", "data-key": column.key, onclick: () => {
        if (by !== column.key) { by = column.key; down = Boolean(column.largest_first) } else down = !down
        draw()
        root.querySelector(`[data-key="${CSS.escape(column.key)}"]`)?.focus()
      }}, column.title + mark))
  }
  function cell(row, column, place) {
    const {text = "", kind = "", title = null} = row[column.key] ?? {}
    return el(place ? "td" : "th", {scope: place ? null : "row", class: [column.side ?? "", kind, column.number ? "num" : ""].join(" "), title}, text)
  }
  function draw() {
    root.replaceChildren(el("table", {"aria-label": model.label, class: "sorted"},
      el("thead", {}, el("tr", {}, ...model.columns.map(head))),
      el("tbody", {}, ...ordered().map((row) => el("tr", {}, ...model.columns.map((column, place) => cell(row, column, place)))))))
  }
  const redraw = patient(root, draw)
  model.on("rows", redraw)
  model.on("columns", redraw)
  draw()
  return root
}
