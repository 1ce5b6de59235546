// The files of a project: which is the image, its noise, mask and PSF, and which extension of each.

const ROLES = [["image", "image"], ["sigma", "sigma (noise)"], ["variance", "variance"], ["weight", "weight, 1/variance"],
               ["mask", "mask"], ["psf", "PSF"], ["", "not used"]]

export function render({model}) {
  const root = el("section", {class: "stack", "aria-label": "Images"})

  function entry(file) {
    const role = el("select", {class: "field role", "aria-label": `Role of ${file.name}`,
                               onchange: () => model.send_msg({type: "role", id: file.id, was: file.role, role: role.value})})
    for (const [key, title] of ROLES) role.add(new Option(title, key, false, key === file.role))
    const lines = el("div", {class: "grow stack tight"},
      el("div", {class: "row"},
        el("span", {class: "ellipsis grow name", title: file.name}, file.name),
        icon_button(`Remove ${file.name}`, "trash", () => model.send_msg({type: "remove", id: file.id, role: file.role}))),
      el("div", {class: "row"}, role))
    if (file.extensions.length > 1) {
      const extension = el("select", {class: "field grow", "aria-label": `Extension of ${file.name}`,
                                      onchange: () => model.send_msg({type: "extension", id: file.id, role: file.role, extension: extension.value})})
      for (const [key, title] of file.extensions) extension.add(new Option(title, key, false, key === file.extension))
      lines.lastChild.append(extension)
    } else if (file.note) {
      lines.lastChild.append(el("span", {class: "muted small num ellipsis"}, file.note))
    }
    if (file.role !== "image" && model.guessed.includes(file.id)) {
      const title = ROLES.find(([key]) => key === file.sent_as)[1].split(/[,(]/)[0].trim()
      const words = file.role ? `Taken for a ${title}, by its name.` : `By its name a ${title}, but it does not do as one.`
      lines.append(note("warn", el("span", {}, words, " ",
        el("button", {type: "button", class: "btn small", "aria-label": `${file.name} is an image`, onclick: () => model.send_msg({type: "image", id: file.id, was: file.role})}, "It is an image"), " ",
        el("button", {type: "button", class: "btn quiet small", "aria-label": `The role of ${file.name} is right`, onclick: () => model.send_msg({type: "sure", id: file.id})}, "Right"))))
    }
    return el("li", {class: "file"}, lines)
  }

  function setting(field) {
    const input = el("input", {class: "field num", inputmode: "decimal", value: field.value ?? "", placeholder: field.placeholder ?? "",
                               "aria-label": field.label, title: field.help})
    input.addEventListener("change", () => {
      input.defaultValue = input.value
      model.send_msg({type: "setting", key: field.key, value: input.value.trim()})
    })
    return el("label", {class: `setting ${field.key}`}, el("span", {class: "muted small", title: field.help}, field.label), input)
  }

  let open = false
  function draw() {
    const details = el("details", {open, ontoggle: () => { open = details.open }},
      el("summary", {class: "small"}, "Noise, zero point, window"), el("div", {class: "settings"}, ...model.settings.map(setting)))
    root.replaceChildren(el("h2", {class: "section"}, "Images"))
    if (model.files.length) root.append(el("ul", {class: "files"}, ...model.files.map(entry)))
    if (model.settings.length) root.append(details)
    if (model.error) root.append(el("div", {role: "alert"}, note("bad", model.error)))
    if (model.notices.length) {
      const shown = model.notices.slice(0, 2).map((text) => note("", text))
      root.append(el("div", {class: "stack", role: "status", "aria-label": "Notes on the image"}, ...shown))
      const rest = model.notices.slice(2)
      if (rest.length) root.append(el("details", {}, el("summary", {class: "small"}, `${rest.length} more notes`),
                                     el("div", {class: "stack"}, ...rest.map((text) => note("", text)))))
    }
  }
  const redraw = patient(root, draw, ".setting input")
  for (const name of ["guessed", "files", "settings", "notices", "error"]) model.on(name, redraw)
  draw()
  return root
}
