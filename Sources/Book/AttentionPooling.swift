import Foundation
import Lockstep

/// Chapters 10.1 and 10.2: attention as a weighted mean of values, by how near their keys are to the query.
func attentionPoolingChapter(_ page: Page) {
  page.drawHeatMap("attention-identity", Tensor.identity(10), "keys", "queries")
  let (x, y) = points(50, page)
  let queries = Tensor.arange(0, 5, by: 0.1)
  let truth = function(queries)
  func distance(_ found: Tensor) -> Double { page.number((found.reshaped([-1]) - truth).pow(2).mean()) }
  func show(_ name: String, _ found: Tensor) {
    page.draw(
      "attention-\(name)", "x", "y",
      [page.curve("truth", queries, truth), page.curve("prediction", queries, found)], points: [("samples", x, y)])
  }

  let average = y.mean().expanded(to: queries.shape)
  show("average", average)

  // Parameter-free: softmax(-(query - key)² / 2), whatever the query.
  let weights = nadarayaWatson(queries, x.unsqueezed(0))
  let fixed = weights.matmul(y)
  page.compare("weights of a query add up to", weights.sum(1).max(), notes: [1])
  show("fixed", fixed)
  let library = NadarayaWatson.pool(queries, x, y).output
  page.compare("the library's, largest difference", (library - fixed).abs().max(), notes: 0, within: 1e-5)
  page.drawHeatMap("attention-fixed-weights", weights, "keys", "queries")
  let (flat, smooth) = (distance(average), distance(fixed))
  page.expect("weighted by nearness, better than the mean", smooth < 0.5 * flat, "\(smooth) against \(flat)")

  batchProducts(page)
  let width = learn(page, x, y)
  let sharp = nadarayaWatson(queries, x.unsqueezed(0), width: width)
  let learnt = sharp.matmul(y)
  show("learnt", learnt)
  page.drawHeatMap("attention-learnt-weights", sharp, "keys", "queries")
  let (before, after) = (page.number(weights.max(1).mean()), page.number(sharp.max(1).mean()))
  let error = distance(learnt)
  page.expect(
    "a learnt width looks at fewer keys, and less smoothly", after > 1.5 * before,
    "largest weights \(before) before, \(after) after; error \(error)")
}

/// The notes' function, `2 sin x + x^0.8`.
private func function(_ x: Tensor) -> Tensor { 2 * x.sin() + x.pow(0.8) }

/// Points of the function in order, with normal noise of deviation 0.5.
private func points(_ count: Int, _ page: Page) -> (x: Tensor, y: Tensor) {
  let drawn = page.numbers(Tensor.uniform([count], 0, 5, key: RandomKey(seed: 0))).sorted()
  let x = Tensor(drawn.map { Float($0) })
  let noise = Tensor.normal([count], standardDeviation: 0.5, key: RandomKey(seed: 1))
  return (x, function(x) + noise)
}

/// Attention weights `[queries, keys]` of a Gaussian kernel; a large `width` makes it narrow, as the notes write it.
private func nadarayaWatson(_ queries: Tensor, _ keys: Tensor, width: Tensor? = nil) -> Tensor {
  var distance = queries.unsqueezed(1) - keys
  if let width { distance = distance * width }
  return (distance.pow(2) * -0.5).softmax(1)
}

/// Weighted means of a batch are one product of matrices for each sample.
private func batchProducts(_ page: Page) {
  let product = Tensor.ones([2, 1, 4]).matmul(Tensor.ones([2, 4, 6]))
  page.expect("a batch of products", product.shape == [2, 1, 6], "\(product.shape)")
  let weights = Tensor.full([2, 10], 0.1)
  let values = Tensor.arange(20, .float32).reshaped([2, 10])
  page.compare(
    "weighted means", weights.unsqueezed(1).matmul(values.unsqueezed(-1)).reshaped([2]), notes: [4.5, 14.5])
}

/// Learns the kernel's width: each point is predicted from all others.
private func learn(_ page: Page, _ x: Tensor, _ y: Tensor) -> Tensor {
  let count = x.elementCount
  func others(_ values: Tensor) -> Tensor {
    .stack((0..<count).map { own in values.selected((0..<count).filter { $0 != own }) })
  }
  let (keys, values) = (others(x), others(y))
  let width = Tensor.uniform([1], key: RandomKey(seed: 3)).requiringGradient()
  let optimizer = SGD([ParameterGroup([("width", width)], learningRate: 0.5 / Double(count))])
  var losses: [Double] = []
  for epoch in page.epochs(40) {
    let weights = nadarayaWatson(x, keys, width: width)
    let predicted = weights.unsqueezed(1).matmul(values.unsqueezed(-1)).reshaped([count])
    let loss = meanSquaredError(predicted, y, reduction: .sum)
    page.step(optimizer, down: loss)
    losses.append(page.number(loss))
    if epoch % 10 == 9 { page.show("  epoch \(epoch + 1), loss \(losses[epoch])") }
  }
  page.expect("the loss falls", (losses.last ?? .nan) < losses[0], "\(losses[0]) to \(losses.last ?? .nan)")
  page.draw(
    "attention-loss", "epoch", "loss", [Curve("train", losses.enumerated().map { (Double($0.offset + 1), $0.element) })]
  )
  return width.detached()
}

extension Page {
  /// The points (x, y) in their order.
  func curve(_ title: String, _ x: Tensor, _ y: Tensor) -> Curve { Curve(title, Array(zip(numbers(x), numbers(y)))) }

  /// Draws a matrix as colours: a row for each query, a column for each key.
  func drawHeatMap(
    _ name: String, _ weights: Tensor, _ xLabel: String, _ yLabel: String, columns: [String] = [], rows: [String] = []
  ) {
    let (values, width) = (numbers(weights), max(weights.shape[1], 1))
    let lines = stride(from: 0, to: values.count, by: width).map { Array(values[$0..<$0 + width]) }
    draw(name, Gnuplot.heatMap(lines, xLabel: xLabel, yLabel: yLabel, columns: columns, rows: rows))
  }

  /// Curves, and points that lie around them.
  fileprivate func draw(
    _ name: String, _ xLabel: String, _ yLabel: String, _ curves: [Curve],
    points: [(title: String, x: Tensor, y: Tensor)]
  ) {
    let dots = points.map { curve($0.title, $0.x, $0.y) }
    var lines = [
      "set xlabel '\(xLabel)'", "set ylabel '\(yLabel)'", "set grid", "set key outside top center horizontal",
    ]
    for (index, part) in (curves + dots).enumerated() { lines += Gnuplot.block("part\(index)", part.points) }
    let plots = (curves + dots).enumerated().map { index, part in
      "$part\(index) with \(index < curves.count ? "lines linewidth 2" : "points pointtype 7 pointsize 0.5") "
        + "title '\(part.title)'"
    }
    draw(name, lines + ["plot " + plots.joined(separator: ", ")])
  }
}
