import Lockstep

/// Cross-correlation as the chapter writes it, from scratch: `[height, width]` with a kernel `[h, w]`.
func crossCorrelation(_ input: Tensor, _ kernel: Tensor) -> Tensor {
  let (height, width) = (kernel.shape[0], kernel.shape[1])
  let rows = (0...input.shape[0] - height).map { row in
    Tensor.stack(
      (0...input.shape[1] - width).map { column in
        (input[row..<row + height, column..<column + width] * kernel).sum()
      })
  }
  return Tensor.stack(rows)
}

/// Cross-correlation, an edge detector, and a kernel that finds out by itself how to be one.
func convolutionChapter(_ page: Page) {
  let input = Tensor.arange(9, .float32).reshaped([3, 3])
  let kernel = Tensor.arange(4, .float32).reshaped([2, 2])
  page.compare("cross-correlation from scratch", crossCorrelation(input, kernel), notes: [19, 25, 37, 43])
  let concise = input.reshaped([1, 1, 3, 3]).convolved(kernel.reshaped([1, 1, 2, 2]))
  page.compare("the library's convolution", concise, notes: [19, 25, 37, 43])

  let image = Tensor([[Float]](repeating: [1, 1, 0, 0, 0, 0, 1, 1], count: 6))
  let detector = Tensor([[1, -1]] as [[Float]])
  let edges = crossCorrelation(image, detector)
  let row: [Double] = [0, 1, 0, 0, 0, -1, 0]
  page.compare("vertical edges", edges, notes: [[Double]](repeating: row, count: 6).flatMap { $0 })
  let blind = crossCorrelation(image.transposed(), detector)
  page.compare("a vertical detector sees no horizontal edge", blind, notes: [Double](repeating: 0, count: 40))

  let learnt = learnDetector(image.reshaped([1, 1, 6, 8]), edges.reshaped([1, 1, 6, 7]), page)
  page.compare("the learnt kernel's first weight", learnt[0, 0, 0, 0], notes: 1.0010, within: 0.2)
  page.compare("the learnt kernel's second weight", learnt[0, 0, 0, 1], notes: -0.9674, within: 0.2)
}

/// Ten steps of gradient descent on the squared error; the kernel after them.
private func learnDetector(_ image: Tensor, _ edges: Tensor, _ page: Page) -> Tensor {
  let layer = Conv2D(1, 1, kernel: [1, 2], bias: false)
  for step in 1...10 {
    let loss = (layer(image) - edges).pow(2).sum()
    layer.clearGradients()
    page.backward(loss)
    guard let gradient = layer.weight.gradient else { break }
    withoutGradient { layer.weight.assign(layer.weight - gradient * 3e-2) }
    if step % 2 == 0 { page.show("  step \(step), loss \(page.number(loss))") }
  }
  return layer.weight
}
