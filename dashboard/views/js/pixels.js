// The arrays of the viewer: data, sigma and model as sent; residual, residual / sigma and mask made of them here.

const DERIVED = {
  residual: (data, model) => data - model,
  pull: (data, model, sigma) => (data - model) / sigma,
  mask: (data, model, sigma) => (Number.isNaN(sigma) ? 1 : 0),
}

class Pixels {
  // named(name) finds a model of the document.
  constructor(named) {
    this.named = named
    this.stale = new Set(Object.keys(DERIVED))
  }

  source(kind) {
    return this.named(`pixels-${kind}`) ?? null
  }

  image(kind) {
    const image = this.source(kind)?.data.image?.[0]
    return image?.shape && image.length > 1 ? image : null
  }

  // Make the derived kinds anew before they are looked at next.
  changed() {
    for (const kind in DERIVED) this.stale.add(kind)
  }

  // Compute a derived image, if need be. The server never gets to see it.
  derive(kind) {
    if (!this.stale.has(kind)) return
    const [data, sigma] = [this.image("data"), this.image("sigma")]
    const model = this.image("model") ?? data
    if (!data || sigma?.length !== data.length || model.length !== data.length) return
    const image = new data.constructor(data.length, [...data.shape])
    const value = DERIVED[kind]
    for (let i = 0; i < image.length; i++) image[i] = value(data[i], model[i], sigma[i])
    if (kind === "residual") for (let i = 0; i < image.length; i++) if (Number.isNaN(sigma[i])) image[i] = NaN
    this.source(kind)?.setv({data: {...Object.fromEntries(Object.entries(this.source("data").data)), image: [image]}}, {sync: false})
    this.stale.delete(kind)
  }

  // Row and column of the array at a position, and whether it lies inside.
  at(x, y) {
    const [source, image] = [this.source("data")?.data, this.image("data")]
    if (!image) return null
    const [ny, nx] = image.shape
    const column = Math.floor((x - source.x[0]) / source.dw[0] * nx)
    const row = Math.floor((y - source.y[0]) / source.dh[0] * ny)
    return column < 0 || row < 0 || column >= nx || row >= ny ? null : {row, column, index: row * nx + column}
  }

  // Position of the middle of a pixel of the array.
  place(row, column) {
    const [source, [ny, nx]] = [this.source("data").data, this.image("data").shape]
    return [source.x[0] + (column + 0.5) * source.dw[0] / nx, source.y[0] + (row + 0.5) * source.dh[0] / ny]
  }

  // Everything known of one pixel; null outside the image.
  read(x, y) {
    const found = this.at(x, y)
    if (!found) return null
    const value = (kind) => this.image(kind)?.[found.index] ?? null
    const [data, sigma, model] = [value("data"), value("sigma"), value("model")]
    const known = model != null && Number.isFinite(model)
    const masked = sigma != null && Number.isNaN(sigma)
    return {data, sigma: masked ? null : sigma, model, masked, residual: known ? data - model : null,
            pull: known && !masked && sigma != null ? (data - model) / sigma : null, component: value("components")}
  }

  // Median noise of the used pixels, from a sample: the scale of the residual's colors.
  typical_sigma() {
    const sigma = this.image("sigma")
    if (!sigma) return 1
    const step = Math.max(1, Math.floor(sigma.length / 5000))
    const sample = []
    for (let i = 0; i < sigma.length; i += step) if (Number.isFinite(sigma[i])) sample.push(sigma[i])
    sample.sort((a, b) => a - b)
    return sample[Math.floor(sample.length / 2)] || 1
  }

  // Lowest and highest finite value of a kind.
  span(kind) {
    const image = this.image(kind)
    let [low, high] = [Infinity, -Infinity]
    for (const value of image ?? []) { if (value < low) low = value; if (value > high) high = value }
    if (!(high >= low)) return [0, 1]
    return high > low ? [low, high] : [low - Math.abs(low) * 1e-3 - 1e-12, high + Math.abs(high) * 1e-3 + 1e-12]
  }
}
