// Row and column through a place, from the arrays that the browser has, along what is shown of them.

function draw_cuts(pixels, named, x, y, ranges) {
  const found = pixels.at(x, y)
  const [data, sigma, model] = ["data", "sigma", "model"].map((kind) => pixels.image(kind))
  if (!found || !data) return
  const [ny, nx] = data.shape
  const cut = (name, size, index, place, range, label) => {
    const fig = named(name)
    if (!fig) return
    const columns = {x: [], y: [], low: [], high: []}
    const line = {x: [], y: [], low: [], high: []}
    for (let i = 0; i < size; i++) {
      const [at, k] = [place(i), index(i)]
      if (at < range.start || at > range.end) continue
      line.x.push(at)
      line.y.push(model ? model[k] : NaN)
      const error = sigma ? sigma[k] : 0
      if (Number.isNaN(error)) continue  // masked
      columns.x.push(at)
      columns.y.push(data[k])
      columns.low.push(data[k] - error)
      columns.high.push(data[k] + error)
    }
    line.low = line.high = line.y
    const [dots, curve] = fig.renderers
    dots.data_source.setv({data: columns}, {sync: false})
    curve.data_source.setv({data: line}, {sync: false})
    fig.below[0].setv({axis_label: label}, {sync: false})
  }
  const [middle_x, middle_y] = pixels.place(found.row, found.column)
  cut("cut-row", nx, (i) => found.row * nx + i, (i) => pixels.place(0, i)[0], ranges.x, `x / pixel, at y = ${number(middle_y)}`)
  cut("cut-column", ny, (i) => i * nx + found.column, (i) => pixels.place(i, 0)[1], ranges.y, `y / pixel, at x = ${number(middle_x)}`)
}
