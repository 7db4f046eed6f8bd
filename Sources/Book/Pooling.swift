import Lockstep

/// Pooling as the chapter writes it: a function of each window.
private func pool(_ input: Tensor, _ size: Int, _ summary: (Tensor) -> Tensor) -> Tensor {
  let rows = (0...input.shape[0] - size).map { row in
    Tensor.stack((0...input.shape[1] - size).map { summary(input[row..<row + size, $0..<$0 + size]) })
  }
  return Tensor.stack(rows)
}

func poolingChapter(_ page: Page) {
  let input = Tensor.arange(9, .float32).reshaped([3, 3])
  page.compare("largest of each window", pool(input, 2) { $0.max() }, notes: [4, 5, 7, 8])
  page.compare("mean of each window", pool(input, 2) { $0.mean() }, notes: [2, 3, 5, 6])

  let image = Tensor.arange(16, .float32).reshaped([1, 1, 4, 4])
  page.compare("the library, windows of 3", MaxPool2D(3)(image), notes: [10])
  let both = Tensor.concatenate([image, image + 1], axis: 1)
  page.compare(
    "each channel by itself, padding 1 and stride 2", MaxPool2D(3, stride: 2, padding: 1)(both),
    notes: [5, 7, 13, 15, 6, 8, 14, 16])
}
