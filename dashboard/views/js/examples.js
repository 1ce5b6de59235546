// Buttons for the bundled examples.

export function render({model}) {
  const root = el("section", {class: "stack", "aria-label": "Examples"})
  function draw() {
    root.replaceChildren(el("h2", {class: "section"}, "Or open an example"),
      el("ul", {class: "example-list"}, ...model.examples.map(([name, text]) =>
        el("li", {}, el("button", {type: "button", class: "btn example", disabled: model.busy,
                                   onclick: () => model.send_msg({type: "open", name})},
          el("strong", {}, name), el("span", {class: "muted small"}, text))))))
  }
  model.on("examples", draw)
  model.on("busy", draw)
  model.on("go", () => { if (model.go) window.location.assign(model.go) })
  draw()
  return root
}
