// The runs of this project: those under way with their progress, or the ended ones, newest first.

const KINDS = {good: "good", warn: "warn", bad: "bad"}

export function render({model}) {
  const root = el("section", {class: "stack", "aria-label": model.under_way ? "Under way" : "Runs"})

  function under_way(run) {
    const {number, chi2_dof, seconds} = run.step
    const far = number == null ? run.word : `step ${number} · χ²/dof ${Number(chi2_dof).toPrecision(5)} · ${Number(seconds).toFixed(1)} s`
    const button = (text, type, title) => el("button", {type: "button", class: "btn small", "aria-label": `${text}: run ${run.number}`, title,
                                                         onclick: () => model.send_msg({type, id: run.id})}, text)
    return el("li", {class: "run active"},
      el("div", {class: "stack grow tight"},
        el("div", {class: "row"}, el("span", {class: "dot busy", style: `background:${run.color}`}),
          el("span", {class: "ellipsis grow"}, run.title), el("span", {class: "muted small num"}, run.number_text)),
        el("div", {class: "muted small num ellipsis", role: "status"}, run.stopping ? "stopping …" : far),
        run.said ? el("div", {class: "small", role: "status"}, run.said) : null,
        el("div", {class: "row"}, button("Stop, keep best", "stop", "Stop at the next step; the best values so far are kept"),
          button("Discard", "discard", "Stop, and forget this run"))))
  }

  function ended(run) {
    return el("li", {class: `run ${run.shown ? "selected" : ""}`},
      el("button", {type: "button", class: "pick grow", title: run.message, "aria-pressed": String(run.shown),
                    onclick: () => model.send_msg({type: "show", id: run.id})},
        el("span", {class: `state ${run.kind}`}, icon(KINDS[run.kind] ?? "info")),
        el("span", {class: "what"},
          el("span", {class: "row tight"}, el("span", {class: "dot tiny", style: `background:${run.color}`}), el("span", {class: "ellipsis"}, run.title)),
          el("span", {class: "muted small ellipsis num"}, `${run.word} · ${run.when}${run.image ? ` · ${run.image}` : ""}`)),
        el("span", {class: "outcome num"}, run.chi2_dof)),
      el("span", {class: "run-tools"},
        run.page ? el("a", {class: "btn quiet icon", href: run.page, "aria-label": `Page of run ${run.number}`, title: "The page of this run"}, icon("open")) : null,
        icon_button(`Go back to the start values of run ${run.number}`, "undo", () => model.send_msg({type: "restart", id: run.id}),
                    {title: "Back to this run's start values"}),
        icon_button(`Delete run ${run.number}`, "trash", () => model.send_msg({type: "delete", id: run.id}), {title: "Delete this run"})))
  }

  function draw() {
    const parts = []
    if (model.under_way) {
      if (model.runs.length) parts.push(el("ul", {class: "items", "aria-label": "Runs under way"}, ...model.runs.map(under_way)))
    } else {
      parts.push(el("div", {class: "row"}, el("h2", {class: "section grow"}, "Runs"),
        model.compare ? el("a", {class: "small", href: model.compare}, "Compare") : null))
      if (model.deleted) {
        parts.push(el("div", {class: "note", role: "status"}, icon("info"), el("span", {}, "The run was deleted. ",
          el("button", {type: "button", class: "link", onclick: () => model.send_msg({type: "restore", id: model.deleted})}, "Bring it back"))))
      }
      if (!model.runs.length) parts.push(el("p", {class: "muted small"}, "Each fit is kept here, with its files."))
      else parts.push(el("ul", {class: "items", "aria-label": "Runs"}, ...model.runs.map(ended)))
    }
    root.replaceChildren(...parts)
    root.hidden = !parts.length
  }
  const redraw = patient(root, draw)
  for (const name of ["runs", "compare", "deleted"]) model.on(name, redraw)
  draw()
  return root
}
