// The runs that can be compared, to be ticked, and all fitters at one press.

export function render({model}) {
  const root = el("div", {class: "stack choice"})
  let wanted = "500"
  function draw() {
    const rows = model.runs.map((run) => {
      const box = el("input", {type: "checkbox", "aria-label": `Compare ${run.title}, run ${run.number}`})
      box.checked = run.chosen
      box.onchange = () => model.send_msg({type: "choose", id: run.id, on: box.checked})
      const going = run.word === "waiting" || run.word === "running"
      return el("li", {class: `run-line ${run.kind}`},
        el("label", {class: "check grow"}, box, el("span", {class: "round", style: `background:${run.color}`}),
          el("span", {class: "what"}, el("span", {class: "ellipsis"}, `${run.starred ? "★ " : ""}${run.title}`, el("span", {class: "muted"}, ` #${run.number}`)),
            el("span", {class: "muted small ellipsis"}, [run.word, run.when, ...run.tags].join(" · ")))),
        going ? icon_button(`Stop ${run.title}`, "bad", () => model.send_msg({type: "cancel", id: run.id}))
              : el("span", {class: "num small"}, run.chi2_dof))
    })
    const draws = el("select", {class: "field", "aria-label": "Draws a chain", onchange: () => { wanted = draws.value }})
    for (const one of model.draws) draws.add(new Option(`${one} draws`, one, false, String(one) === wanted))
    root.replaceChildren(
      el("div", {class: "row"}, el("h2", {class: "section grow"}, "Runs"),
        el("button", {type: "button", class: "btn quiet small", disabled: !model.runs.length, onclick: () => model.send_msg({type: "none"})}, "None")),
      rows.length ? el("ul", {class: "checks", "aria-label": "Runs to compare"}, ...rows) : el("p", {class: "muted"}, "No runs yet."),
      ...(model.can_run ? [el("div", {class: "row run-all"},
        el("button", {type: "button", class: "btn grow", disabled: model.busy, onclick: () => model.send_msg({type: "run_all", draws: Number(draws.value)})},
          "Run all fitters"), draws)] : []))
  }
  const redraw = patient(root, draw)
  for (const name of ["runs", "can_run", "busy", "draws"]) model.on(name, redraw)
  draw()
  return root
}
