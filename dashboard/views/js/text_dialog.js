// A text to copy, download, open from a file, change and take over.

const MAX_BYTES = 1_000_000

export function render({model}) {
  const field = el("textarea", {spellcheck: "false", "aria-label": model.label, wrap: "off"})
  const said = el("div", {role: "status"})
  const refused = el("div", {role: "alert"})
  const file = el("input", {type: "file", accept: model.accept, hidden: true, "aria-label": "File to open"})

  async function copy() {
    try {
      await navigator.clipboard.writeText(field.value)
      say("Copied.")
    } catch {  // without HTTPS a browser has no clipboard for scripts
      field.focus()
      field.select()
      say("Press Ctrl C to copy what is selected.")
    }
  }
  function download() {
    const link = el("a", {href: URL.createObjectURL(new Blob([field.value], {type: "text/plain"})), download: model.file_name})
    link.click()
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
  }
  async function open() {
    const chosen = file.files[0]
    file.value = ""
    if (!chosen) return
    if (chosen.size > MAX_BYTES) { fail(`${chosen.name} is larger than 1 MB, which is the limit.`); return }
    field.value = await chosen.text()
    say(`${chosen.name} is here. Apply takes it over.`)
  }
  function say(text) {
    said.replaceChildren(...(text ? [note("", text)] : []))
    refused.replaceChildren()
    field.removeAttribute("aria-invalid")
  }
  function fail(text) {
    said.replaceChildren()
    refused.replaceChildren(...(text ? [note("bad", text)] : []))
    if (text) field.setAttribute("aria-invalid", "true")
  }
  const button = (label, act, extra = "") => el("button", {type: "button", class: `btn ${extra}`, onclick: act}, label)
  file.addEventListener("change", open)
  const apply = () => { say(""); model.send_msg({type: "apply", text: field.value}) }
  field.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) apply() })

  function show() {
    field.value = model.text
    say(model.notice)
  }
  model.on("shown", show)
  model.on("error", () => { if (model.error) fail(model.error) })
  show()
  return el("div", {class: "exchange"}, el("p", {class: "muted"}, model.help), field, refused, said, file,
            el("div", {class: "row"}, button("Copy", copy), button("Download", download), button("Open file …", () => file.click()),
               el("span", {class: "grow"}), button("Apply", apply, "take")))
}
