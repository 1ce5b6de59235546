// Cards of projects: a picture, a title that opens it, and how its last fit went.

export function render({model}) {
  const root = el("section", {class: "stack wide", "aria-label": "Projects"})

  function card(project) {
    const picture = project.picture
      ? el("img", {src: project.picture, alt: "", loading: "lazy"})
      : el("span", {class: "muted small"}, project.files ? "…" : "no image yet")
    const title = el("a", {class: "title ellipsis", href: `/fit/${project.id}`, title: project.title}, project.title)
    return el("li", {class: "project card"},
      el("a", {class: "picture", href: `/fit/${project.id}`, tabindex: "-1", "aria-hidden": "true"}, picture),
      el("div", {class: "about"},
        title,
        el("div", {class: "row small muted num"}, el("span", {class: "grow ellipsis"}, project.outcome), el("span", {}, project.when)),
        project.owner ? el("div", {class: "small muted ellipsis"}, `of ${project.owner}`) : null,
        el("div", {class: "card-tools"},
          project.shareable ? icon_button(`Share ${project.title}`, "share", () => model.send_msg({type: "share", id: project.id})) : null,
          project.deletable ? icon_button(`Delete ${project.title}`, "trash", () => {
            if (window.confirm(`Delete “${project.title}” with its images and runs? This cannot be undone.`)) {
              model.send_msg({type: "delete", id: project.id})
            }
          }) : null)))
  }
  function draw() {
    root.replaceChildren(el("h2", {class: "section"}, "Projects"))
    if (model.projects.length) root.append(el("ul", {class: "projects"}, ...model.projects.map(card)))
    else if (!model.known) root.append(el("p", {class: "muted"}, "Looking for projects …"))
    else root.append(el("p", {class: "muted"}, "No projects yet. Drop an image above, or open an example to see how it works."))
    if (model.error) root.append(el("div", {role: "alert"}, note("bad", model.error)))
  }
  const redraw = patient(root, draw)
  for (const name of ["projects", "known", "error"]) model.on(name, redraw)
  draw()
  return root
}
