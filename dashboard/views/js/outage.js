// What is wrong with the server, over every page while it lasts: told by the server, or seen from here when it is gone.

const ASK_AGAIN_MS = 2000
const LOST = "The connection to the server is lost. Fits that run are gone on with when it is back; what you did last may not have arrived."

export function render({model, view}) {
  const root = el("div", {class: "outage", role: "alert", "aria-label": "State of the server"})
  let lost = ""

  function draw() {
    const sentences = lost ? [lost] : model.sentences
    root.replaceChildren(...sentences.map((text) => note("bad", text)))
    if (lost === BACK) root.append(el("button", {type: "button", class: "btn", onclick: () => window.location.reload()}, "Load the page again"))
    root.hidden = !sentences.length
  }
  async function look() {
    try {
      await fetch("/api/health", {cache: "no-store"})
      lost = BACK
    } catch {
      window.setTimeout(look, ASK_AGAIN_MS)
    }
    draw()
  }
  let leaving = false
  window.addEventListener("beforeunload", () => { leaving = true })
  view.model.document?.on_event("connection_lost", () => {
    if (lost || leaving) return
    lost = LOST
    draw()
    window.setTimeout(look, ASK_AGAIN_MS)
  })
  model.on("sentences", patient(root, draw))
  draw()
  return root
}

const BACK = "The server answers again, but this page has lost its connection. Load it again to go on; what was kept is still there."
