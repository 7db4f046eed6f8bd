import Foundation
import Lockstep

/// Chapters 10.1 and 10.2: attention as a weighted mean of values, by how near their keys are to the query.
func attentionPoolingChapter(_ page: Page) throws {
  try page.drawHeatMap("attention-identity", Tensor.identity(10), "keys", "queries")
  let (x, y) = try points(50)
  let queries = Tensor.arange(0, 5, by: 0.1)
  let truth = try function(queries)
  func distance(_ found: Tensor) throws -> Double { try (found.reshaped([-1]) - truth).pow(2).mean().item() }
  func show(_ name: String, _ found: Tensor) throws {
    try page.draw(
      "attention-\(name)", "x", "y",
      [try curve("truth", queries, truth), try curve("prediction", queries, found)], points: [("samples", x, y)])
  }

  let average = y.mean().expanded(to: queries.shape)
  try show("average", average)

  // Parameter-free: softmax(-(query - key)² / 2), whatever the query.
  let weights = try nadarayaWatson(queries, x.unsqueezed(0))
  let fixed = weights.matmul(y)
  try page.compare("weights of a query add up to", weights.sum(1).max(), notes: [1])
  try show("fixed", fixed)
  let library = try NadarayaWatson.pool(queries, x, y).output
  page.compare("the library's, largest difference", try (library - fixed).abs().max().item(), notes: 0, within: 1e-5)
  try page.drawHeatMap("attention-fixed-weights", weights, "keys", "queries")
  let (flat, smooth) = (try distance(average), try distance(fixed))
  page.expect("weighted by nearness, better than the mean", smooth < 0.5 * flat, "\(smooth) against \(flat)")

  try batchProducts(page)
  let width = try learn(page, x, y)
  let sharp = try nadarayaWatson(queries, x.unsqueezed(0), width: width)
  let learnt = sharp.matmul(y)
  try show("learnt", learnt)
  try page.drawHeatMap("attention-learnt-weights", sharp, "keys", "queries")
  let (before, after) = (try weights.max(1).mean().item(), try sharp.max(1).mean().item())
  let error = try distance(learnt)
  page.expect(
    "a learnt width looks at fewer keys, and less smoothly", after > 1.5 * before,
    "largest weights \(before) before, \(after) after; error \(error)")
}

/// The notes' function, `2 sin x + x^0.8`.
private func function(_ x: Tensor) throws -> Tensor { 2 * x.sin() + x.pow(0.8) }

/// Points of the function in order, with normal noise of deviation 0.5.
private func points(_ count: Int) throws -> (x: Tensor, y: Tensor) {
  let x = try Tensor(Tensor.uniform([count], 0, 5, key: RandomKey(seed: 0)).floats().sorted())
  let noise = Tensor.normal([count], standardDeviation: 0.5, key: RandomKey(seed: 1))
  return (x, try function(x) + noise)
}

/// Attention weights `[queries, keys]` of a Gaussian kernel; a large `width` makes it narrow, as the notes write it.
private func nadarayaWatson(_ queries: Tensor, _ keys: Tensor, width: Tensor? = nil) throws -> Tensor {
  var distance = queries.unsqueezed(1) - keys
  if let width { distance = distance * width }
  return (distance.pow(2) * -0.5).softmax(1)
}

/// Weighted means of a batch are one product of matrices for each sample.
private func batchProducts(_ page: Page) throws {
  let product = Tensor.ones([2, 1, 4]).matmul(Tensor.ones([2, 4, 6]))
  page.expect("a batch of products", product.shape == [2, 1, 6], "\(product.shape)")
  let weights = Tensor.full([2, 10], 0.1)
  let values = Tensor.arange(20, .float32).reshaped([2, 10])
  try page.compare(
    "weighted means", weights.unsqueezed(1).matmul(values.unsqueezed(-1)).reshaped([2]), notes: [4.5, 14.5])
}

/// Learns the kernel's width: each point is predicted from all others.
private func learn(_ page: Page, _ x: Tensor, _ y: Tensor) throws -> Tensor {
  let count = x.elementCount
  func others(_ values: Tensor) throws -> Tensor {
    .stack((0..<count).map { own in values.selected((0..<count).filter { $0 != own }) })
  }
  let (keys, values) = (try others(x), try others(y))
  let width = Tensor.uniform([1], key: RandomKey(seed: 3)).requiringGradient()
  let optimizer = SGD([ParameterGroup([("width", width)], learningRate: 0.5 / Double(count))])
  var losses: [Double] = []
  for epoch in 0..<40 {
    optimizer.clearGradients()
    let weights = try nadarayaWatson(x, keys, width: width)
    let predicted = weights.unsqueezed(1).matmul(values.unsqueezed(-1)).reshaped([count])
    let loss = try meanSquaredError(predicted, y, reduction: .sum)
    try loss.backward()
    try optimizer.step()
    losses.append(try loss.item())
    if epoch % 10 == 9 { page.show("  epoch \(epoch + 1), loss \(losses[epoch])") }
  }
  page.expect("the loss falls", (losses.last ?? .nan) < losses[0], "\(losses[0]) to \(losses.last ?? .nan)")
  try page.draw(
    "attention-loss", "epoch", "loss", [Curve("train", losses.enumerated().map { (Double($0.offset + 1), $0.element) })]
  )
  return width.detached()
}

private func curve(_ title: String, _ x: Tensor, _ y: Tensor) throws -> Curve {
  Curve(title, Array(zip(try x.values(as: Double.self), try y.values(as: Double.self))))
}

extension Page {
  /// Draws a matrix as colours: a row for each query, a column for each key.
  func drawHeatMap(
    _ name: String, _ weights: Tensor, _ xLabel: String, _ yLabel: String, columns: [String] = [], rows: [String] = []
  ) throws {
    let (values, width) = (try weights.values(as: Double.self), weights.shape[1])
    let lines = stride(from: 0, to: values.count, by: width).map { Array(values[$0..<$0 + width]) }
    try draw(name, Gnuplot.heatMap(lines, xLabel: xLabel, yLabel: yLabel, columns: columns, rows: rows))
  }

  /// Curves, and points that lie around them.
  fileprivate func draw(
    _ name: String, _ xLabel: String, _ yLabel: String, _ curves: [Curve],
    points: [(title: String, x: Tensor, y: Tensor)]
  ) throws {
    let dots = try points.map { try curve($0.title, $0.x, $0.y) }
    var lines = [
      "set xlabel '\(xLabel)'", "set ylabel '\(yLabel)'", "set grid", "set key outside top center horizontal",
    ]
    for (index, part) in (curves + dots).enumerated() { lines += Gnuplot.block("part\(index)", part.points) }
    let plots = (curves + dots).enumerated().map { index, part in
      "$part\(index) with \(index < curves.count ? "lines linewidth 2" : "points pointtype 7 pointsize 0.5") "
        + "title '\(part.title)'"
    }
    try draw(name, lines + ["plot " + plots.joined(separator: ", ")])
  }
}
