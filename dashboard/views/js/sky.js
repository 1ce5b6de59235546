// Numbers and positions in words, and the sky under a pixel.

function number(value, digits = 5) {
  if (value == null || !Number.isFinite(value)) return "–"
  const size = Math.abs(value)
  if (size !== 0 && (size >= 1e6 || size < 1e-3)) return value.toExponential(3)
  return String(Number(value.toPrecision(digits)))
}

function sexagesimal(value, seconds_digits, sign) {
  const factor = 10 ** seconds_digits
  let ticks = Math.round(Math.abs(value) * 3600 * factor)
  const seconds = (ticks % (60 * factor)) / factor
  ticks = Math.floor(ticks / (60 * factor))
  const pad = (v, n) => String(v).padStart(n, "0")
  const text = `${pad(Math.floor(ticks / 60), 2)}:${pad(ticks % 60, 2)}:${seconds.toFixed(seconds_digits).padStart(3 + seconds_digits, "0")}`
  return (sign ? (value < 0 ? "−" : "+") : "") + text
}

// Unit vector towards the sky under a pixel, between the vectors on a coarse grid of pixels.
function sky_vector(grid, x, y) {
  const u = (x - grid.x0) / (grid.x1 - grid.x0) * (grid.n - 1)
  const v = (y - grid.y0) / (grid.y1 - grid.y0) * (grid.n - 1)
  const i = Math.min(Math.max(Math.floor(u), 0), grid.n - 2)
  const j = Math.min(Math.max(Math.floor(v), 0), grid.n - 2)
  const [fu, fv] = [u - i, v - j]
  const at = (c, r, k) => grid.vectors[3 * (r * grid.n + c) + k]
  return [0, 1, 2].map((k) =>
    (1 - fv) * ((1 - fu) * at(i, j, k) + fu * at(i + 1, j, k)) + fv * ((1 - fu) * at(i, j + 1, k) + fu * at(i + 1, j + 1, k)))
}

// Name of the frame and position in it, as texts; null without WCS.
function sky(grid, x, y) {
  if (!grid || !grid.n) return null
  const p = sky_vector(grid, x, y)
  const lon = (Math.atan2(p[1], p[0]) * 180 / Math.PI + 360) % 360
  const lat = Math.atan2(p[2], Math.hypot(p[0], p[1])) * 180 / Math.PI
  const label = grid.sexagesimal ? grid.frame : `${grid.frame} ${grid.labels.join(", ")}`
  if (!grid.sexagesimal) return [label, `${lon.toFixed(5)}° ${lat < 0 ? "−" : "+"}${Math.abs(lat).toFixed(5)}°`]
  return [label, `${sexagesimal(lon / 15, 2, false).replace(/^24/, "00")} ${sexagesimal(lat, 1, true)}`]
}

// Pixel of a sky position (degrees), by Newton's method on the grid; null where it lies far outside.
function pixel_of(grid, longitude, latitude) {
  if (!grid || !grid.n) return null
  const [lon, lat] = [longitude * Math.PI / 180, latitude * Math.PI / 180]
  const goal = [Math.cos(lat) * Math.cos(lon), Math.cos(lat) * Math.sin(lon), Math.sin(lat)]
  let [x, y] = [(grid.x0 + grid.x1) / 2, (grid.y0 + grid.y1) / 2]
  for (let step = 0; step < 20; step++) {
    const here = sky_vector(grid, x, y)
    const [dx, dy] = [sky_vector(grid, x + 1, y), sky_vector(grid, x, y + 1)].map((v) => v.map((value, k) => value - here[k]))
    const left = goal.map((value, k) => value - here[k])
    const dot = (u, v) => u[0] * v[0] + u[1] * v[1] + u[2] * v[2]
    const [xx, xy, yy, bx, by] = [dot(dx, dx), dot(dx, dy), dot(dy, dy), dot(dx, left), dot(dy, left)]
    const determinant = xx * yy - xy * xy
    if (!(Math.abs(determinant) > 0)) return null
    const [mx, my] = [(yy * bx - xy * by) / determinant, (xx * by - xy * bx) / determinant]
    x += mx
    y += my
    if (Math.hypot(mx, my) < 1e-4) return [x, y]
  }
  return null
}

// What a person typed as a place: "x, y" in pixels, degrees or sexagesimal "RA Dec" with a WCS. {x, y} or {error}.
function place_of(text, grid) {
  const words = text.trim().replaceAll("−", "-").replace(/(\d)\s*[hd°]\s*(\d+)\s*[m'′]\s*/g, "$1:$2:").replace(/(\d)\s*[s"″](?=\s|$)/g, "$1")
    .split(/[\s,;]+/)
  const wanted = grid?.n ? "x, y in pixels, or RA Dec such as 12:32:44.2 +12:46:15" : "x, y in pixels"
  if (words.length !== 2) return {error: `Write ${wanted}.`}
  const parts = words.map((word) => word.split(":").map(Number))
  if (parts.flat().some((value) => !Number.isFinite(value))) return {error: `“${text}” is not a place. Write ${wanted}.`}
  if (!words.some((word) => word.includes(":"))) return {x: parts[0][0], y: parts[1][0]}
  if (!grid?.n) return {error: "This image has no WCS; write x, y in pixels."}
  const degrees = parts.map(([whole, minutes = 0, seconds = 0], k) =>
    (words[k].startsWith("-") ? -1 : 1) * (Math.abs(whole) + minutes / 60 + seconds / 3600))
  const found = pixel_of(grid, words[0].includes(":") && grid.sexagesimal ? 15 * degrees[0] : degrees[0], degrees[1])
  return found ? {x: found[0], y: found[1]} : {error: `${text} lies far outside the image.`}
}

// The longest round length of at most so many pixels: {pixels, label}.
function round_length(most, arcsec) {
  const units = arcsec == null ? [[1, "px"]] : [[3600, "°"], [60, "′"], [1, "″"], [1e-3, " mas"]]
  const longest = most * (arcsec ?? 1)
  const [unit, name] = units.find(([size]) => longest >= size) ?? units.at(-1)
  const ten = 10 ** Math.floor(Math.log10(longest / unit))
  const length = [5, 2, 1].find((step) => step * ten <= longest / unit) * ten
  return {pixels: length * unit / (arcsec ?? 1), label: `${Number(length.toPrecision(3))}${arcsec == null ? " " : ""}${name}`}
}
