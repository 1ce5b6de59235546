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
  const guess = (files) => files.map((file) => ({file, role: !model.compact && files.length === 1 ? "image" : role_of(file.name)}))
  // Of one that did not arrive, or that the server could not take now, `again` is true: to send it once more may help.
  function send(file, role, target) {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest()
      const bar = el("progress", {max: "1", value: "0", "aria-label": `Sending ${file.name}`})
      const words = el("span", {class: "ellipsis grow"}, `Sending ${file.name}`)
      const stop = el("button", {type: "button", class: "btn quiet", "aria-label": `Stop sending ${file.name}`, onclick: () => request.abort()}, "Stop")
      status.replaceChildren(el("div", {class: "row small"}, words, bar, stop))
      request.open("POST", `${target}?${new URLSearchParams({role, name: file.name})}`)
      request.upload.onprogress = (event) => { if (event.lengthComputable) bar.value = event.loaded / event.total }
      request.upload.onload = () => { words.textContent = `Looking into ${file.name}` }
      request.onabort = () => resolve({error: `Stopped: ${file.name} was not kept.`, stopped: true, again: true})
      request.onerror = () => resolve({error: `${file.name} did not arrive: the connection to the server broke.`, again: true})
      request.onload = () => {
        const again = request.status >= 500 || request.status === 408
        try { resolve({...JSON.parse(request.responseText), again}) }
        catch { resolve({error: `${file.name} was not accepted (the server answered ${request.status}).`, again}) }
      }
      request.send(file)
    })
  }

  let busy = false
  let held = []  // what has arrived and has not been told yet
  async function take(items) {
    if (busy || !items.length) return
    busy = true
    choose.disabled = true
    try {
      const target = model.target && model.target !== spent ? model.target : await ask_for_target(items[0].file.name)
      const sentences = []
      const missing = []
      let stopped = false
      for (const item of items) {
        if (stopped) {
          missing.push(item)
          continue
        }
        const {file, role} = item
        const answer = await send(file, role, target)
        if (answer.again) missing.push(item)
        if (answer.error) sentences.push([answer.stopped ? "info" : "bad", answer.error])
        else held.push({name: file.name, answer, guessed: role !== "image"})
        stopped = Boolean(answer.stopped)
      }
      show(sentences, missing)
      // The first page goes to the workbench with what has arrived: not before a person has seen what is missing, and why.
      if (model.compact || !sentences.length || !held.length) tell(target)
    } finally {
      busy = false
      choose.disabled = false
      input.value = ""
    }
  }
  function tell(target) {
    const taken = held
    held = []
    // The first page has no use for a project that nothing has arrived in: the next try gets one of its own.
    if (!model.compact && !taken.length) spent = target
    model.send_msg({type: "done", taken})
  }
  function show(sentences, missing) {
    const buttons = []
    if (missing.length) buttons.push(el("button", {type: "button", class: "btn", onclick: () => take(missing)}, "Send again"))
    if (sentences.length && held.length && !model.compact) {
      buttons.push(el("button", {type: "button", class: "btn", onclick: () => { status.replaceChildren(); tell("") }}, "Go on without"))
    }
    const lines = sentences.map(([kind, text]) => el("div", {role: "alert"}, note(kind, text)))
    status.replaceChildren(...lines, ...(buttons.length ? [el("div", {class: "row"}, ...buttons)] : []))
  }

  // A new project is made for files dropped on the first page, and only then.
  let spent = ""
  function ask_for_target(name) {
    return new Promise((resolve) => {
      const given = () => { if (model.target && model.target !== spent) resolve(model.target) }
      model.on("target", given)
      model.send_msg({type: "start", name})
    })
  }

  input.addEventListener("change", () => take(guess([...input.files])))
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
      take(guess([...event.dataTransfer.files]))
    },
  }
  // Anywhere on the page counts: a person aims at the window, not at a box.
  for (const [name, act] of Object.entries(on)) document.addEventListener(name, act)
  model.on("remove", () => { for (const [name, act] of Object.entries(on)) document.removeEventListener(name, act) })
  model.on("go", () => { if (model.go) window.location.assign(model.go) })
  model.on("error", () => { if (model.error) say("bad", model.error) })
  return root
}
