// The runs of this project, newest first.

export function render({model}) {
  const root = el("section", {class: "stack", "aria-label": "Runs"})

  function item(run) {
    return el("li", {class: `run ${run.shown ? "selected" : ""}`},
      el("button", {type: "button", class: "pick grow", disabled: !run.ended, title: run.message, "aria-pressed": String(run.shown),
                    onclick: () => model.send_msg({type: "show", id: run.id})},
        el("span", {class: `state ${run.kind}`}, icon({good: "good", warn: "warn", bad: "bad"}[run.kind] ?? "info")),
        el("span", {class: "what"}, el("span", {class: "ellipsis"}, run.title), el("span", {class: "muted small ellipsis num"}, `${run.word} · ${run.when}`)),
        el("span", {class: "outcome num"}, run.chi2_dof)),
      run.ended ? icon_button(`Go back to the start values of run ${run.number}`, "undo", () => model.send_msg({type: "restart", id: run.id}),
                              {title: "Back to this run's start values"}) : null)
  }
  function draw() {
    root.replaceChildren(el("h2", {class: "section"}, "Runs"))
    if (!model.runs.length) root.append(el("p", {class: "muted small"}, "Each fit is kept here, with its files."))
    else root.append(el("ul", {class: "items", "aria-label": "Runs"}, ...model.runs.map(item)))
  }
  model.on("runs", draw)
  draw()
  return root
}
