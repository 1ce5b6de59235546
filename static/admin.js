// Fetches the part of the admin page that changes by itself, unless somebody is about to press something there.
const part = document.getElementById("live")

async function refresh() {
  const log = part.querySelector(".log")
  if (document.hidden || part.contains(document.activeElement) || part.matches(":hover")) return
  const answer = await fetch("/admin?live=1", {headers: {Accept: "text/html"}})
  if (!answer.ok || answer.redirected) { location.reload(); return }
  const at_end = log.scrollHeight - log.scrollTop - log.clientHeight < 20
  const top = log.scrollTop
  part.innerHTML = await answer.text()
  const now = part.querySelector(".log")
  now.scrollTop = at_end ? now.scrollHeight : top
}

const log = part.querySelector(".log")
log.scrollTop = log.scrollHeight
setInterval(() => refresh().catch(() => {}), 3000)
