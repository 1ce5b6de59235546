// With whom a project is shared: people by name, and links for reading.

export function render({model}) {
  const name = el("input", {class: "field grow", "aria-label": "Name of a person", placeholder: "Name that they log in with", autocomplete: "off"})
  const right = rights("What they may do", false)
  const people = el("div", {class: "lines", role: "list", "aria-label": "People"})
  const links = el("div", {class: "lines", role: "list", "aria-label": "Links"})
  const made = el("div", {class: "stack", role: "status"})
  const refused = el("div", {role: "alert"})

  function rights(label, write, act) {
    const choice = el("select", {class: "field", "aria-label": label, onchange: () => act?.(choice.value === "write")})
    choice.add(new Option("may look", "read", false, !write))
    choice.add(new Option("may change", "write", false, write))
    return choice
  }
  const add = () => model.send_msg({type: "share", name: name.value, write: right.value === "write"})
  name.addEventListener("keydown", (event) => { if (event.key === "Enter") add() })

  function draw_people() {
    const lines = [el("div", {class: "line", role: "listitem"}, el("span", {class: "grow ellipsis"}, model.owner || "nobody"), el("span", {class: "muted"}, "owner"))]
    for (const person of model.people) {
      lines.push(el("div", {class: "line", role: "listitem"}, el("span", {class: "grow ellipsis"}, person.name),
        rights(`What ${person.name} may do`, person.write, (write) => model.send_msg({type: "share", name: person.name, write})),
        icon_button(`Stop sharing with ${person.name}`, "trash", () => model.send_msg({type: "unshare", id: person.id}))))
    }
    people.replaceChildren(...lines)
  }
  function draw_links() {
    links.hidden = !model.links.length
    links.replaceChildren(...model.links.map((link) => el("div", {class: "line", role: "listitem"}, el("span", {class: "grow small"}, link.words),
      el("button", {type: "button", class: "btn", onclick: () => model.send_msg({type: "revoke", id: link.id})}, "Revoke"))))
  }
  function draw_made() {
    made.replaceChildren()
    if (!model.made) return
    const address = el("input", {class: "field grow address", readonly: true, value: location.origin + model.made, "aria-label": "The new link"})
    const copy = el("button", {type: "button", class: "btn", onclick: async () => {
      address.select()
      try { await navigator.clipboard.writeText(address.value) } catch { document.execCommand("copy") }
      copy.textContent = "Copied"
    }}, "Copy")
    made.append(el("div", {class: "row"}, address, copy), el("p", {class: "muted small"}, "Copy it now: it is shown only this once."))
    address.select()
  }
  function draw_error() { refused.replaceChildren(...(model.error ? [note("bad", model.error)] : [])) }

  const redraw_people = patient(people, draw_people)
  model.on("people", redraw_people)
  model.on("owner", redraw_people)
  model.on("links", patient(links, draw_links))
  model.on("made", draw_made)
  model.on("error", draw_error)
  model.on("shared", () => { name.value = "" })
  draw_people()
  draw_links()
  draw_made()
  draw_error()
  return el("div", {class: "share"}, refused,
    el("section", {class: "stack", "aria-label": "People"}, el("h3", {}, "People"), people,
      el("div", {class: "row"}, name, right, el("button", {type: "button", class: "btn", onclick: add}, "Share"))),
    el("section", {class: "stack", "aria-label": "Read-only links"}, el("h3", {}, "Links for reading"),
      el("p", {class: "muted small"}, "Whoever has a link sees images, runs and the report, without an account, until it is revoked."),
      links, made,
      el("div", {class: "row"}, el("button", {type: "button", class: "btn", onclick: () => model.send_msg({type: "link"})}, "Make a link"))))
}
