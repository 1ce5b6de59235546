// Drop FITS files, or choose them: streamed to the server's upload route, one after the other, with progress.

// Which file is what, by the words people put into names; it can be changed in the list of images.
const WORDS = [["psf", /psf/], ["mask", /mask|(^|[^a-z])(bpm|dq)([^a-z]|$)/], ["variance", /(^|[^a-z])var(iance)?([^a-z]|$)/],
               ["weight", /inv-?var|ivar|we?i?ght|wht|weight/], ["sigma", /sigma|(^|[^a-z])(err|error|rms|unc|noise)([^a-z]|$)/]]
function role_of(name) {
  const low = name.toLowerCase()
  return WORDS.find(([, pattern]) => pattern.test(low))?.[0] ?? "image"
}

export function render({model}) {
  const input = el("input", {type: "file", multiple: true, class: "visually-hidden", "aria-label": model.label, tabindex: "-1"})
  const choose = el("button", {type: "button", class: "btn", "aria-label": "Choose files", onclick: () => input.click()}, model.compact ? "Choose" : "Choose files")
  const words = el("p", {class: "words"}, el("strong", {}, model.label), el("span", {class: "muted small"}, model.help))
  const status = el("div", {class: "stack status", role: "status", "aria-live": "polite"})
  const zone = el("div", {class: `zone ${model.compact ? "compact" : ""}`}, icon("upload"), words, choose, input)
  const root = el("div", {class: "stack"}, zone, status)

  const say = (kind, text) => status.replaceChildren(note(kind, text))

  // One file alone, where there is no project yet, is what a person wants to look at, whatever its name says.
  const guess = (file, files) => (!model.compact && files.length === 1 ? "image" : role_of(file.name))
  function send(file, role, target) {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest()
      const bar = el("progress", {max: "1", value: "0", "aria-label": `Sending ${file.name}`})
      status.replaceChildren(el("div", {class: "row small"}, el("span", {class: "ellipsis grow"}, `Sending ${file.name}`), bar))
      request.open("POST", `${target}?${new URLSearchParams({role, name: file.name})}`)
      request.upload.onprogress = (event) => { if (event.lengthComputable) bar.value = event.loaded / event.total }
      request.onerror = () => resolve({error: `${file.name} did not arrive: the connection to the server broke. Try again.`})
      request.onload = () => {
        try { resolve(JSON.parse(request.responseText)) }
        catch { resolve({error: `${file.name} was not accepted (the server answered ${request.status}).`}) }
      }
      request.send(file)
    })
  }

  let busy = false
  async function take(files) {
    if (busy || !files.length) return
    busy = true
    choose.disabled = true
    try {
      const target = model.target || await ask_for_target(files[0].name)
      const taken = []
      const refused = []
      for (const file of files) {
        const role = guess(file, files)
        const answer = await send(file, role, target)
        if (answer.error) refused.push(answer.error)
        else taken.push({name: file.name, answer, guessed: role !== "image"})
      }
      status.replaceChildren(...refused.map((text) => el("div", {role: "alert"}, note("bad", text))))
      model.send_msg({type: "done", taken, refused: refused.length})
    } finally {
      busy = false
      choose.disabled = false
      input.value = ""
    }
  }

  // A new project is made for files dropped on the first page, and only then.
  function ask_for_target(name) {
    return new Promise((resolve) => {
      const given = () => { if (model.target) resolve(model.target) }
      model.on("target", given)
      model.send_msg({type: "start", name})
    })
  }

  input.addEventListener("change", () => take([...input.files]))
  let depth = 0
  const carries_files = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files")
  const on = {
    dragenter: (event) => { if (carries_files(event)) { event.preventDefault(); depth += 1; zone.classList.add("over") } },
    dragover: (event) => { if (carries_files(event)) event.preventDefault() },
    dragleave: () => { depth = Math.max(0, depth - 1); if (!depth) zone.classList.remove("over") },
    drop: (event) => {
      depth = 0
      zone.classList.remove("over")
      if (!carries_files(event)) return
      event.preventDefault()
      take([...event.dataTransfer.files])
    },
  }
  // Anywhere on the page counts: a person aims at the window, not at a box.
  for (const [name, act] of Object.entries(on)) document.addEventListener(name, act)
  model.on("remove", () => { for (const [name, act] of Object.entries(on)) document.removeEventListener(name, act) })
  model.on("go", () => { if (model.go) window.location.assign(model.go) })
  model.on("error", () => { if (model.error) say("bad", model.error) })
  return root
}
