import Lockstep

/// What padding and stride make of a size.
func paddingChapter(_ page: Page) {
  func shape(_ layer: Conv2D) -> [Double] {
    layer(Tensor.uniform([1, 1, 8, 8], key: RandomKey(seed: 0, .synthesis))).shape.suffix(2).map { Double($0) }
  }
  func compare(_ what: String, _ layer: Conv2D, _ notes: [Double]) {
    page.compare(what, Tensor(shape(layer).map { Float($0) }), notes: notes)
  }
  compare("padding 1 keeps 8×8", Conv2D(1, 1, kernel: 3, padding: 1), [8, 8])
  compare("a kernel of 5×3, padding 2 and 1", Conv2D(1, 1, kernel: [5, 3], padding: [2, 1]), [8, 8])
  compare("stride 2 halves", Conv2D(1, 1, kernel: 3, stride: 2, padding: 1), [4, 4])
  compare(
    "a kernel of 3×5, padding 0 and 1, stride 3 and 4",
    Conv2D(1, 1, kernel: [3, 5], stride: [3, 4], padding: [0, 1]), [2, 2])
}

/// Several channels in and out, and 1×1 as a matrix product.
func channelsChapter(_ page: Page) {
  let plane = Tensor.arange(9, .float32).reshaped([3, 3])
  let input = Tensor.stack([plane, plane + 1])
  let small = Tensor.arange(4, .float32).reshaped([2, 2])
  let kernel = Tensor.stack([small, small + 1])
  page.compare("two channels in", correlateIn(input, kernel), notes: [56, 72, 104, 120])

  let kernels = Tensor.stack([kernel, kernel + 1, kernel + 2])
  let scratch = Tensor.stack(kernels.rows().map { correlateIn(input, $0) })
  page.compare(
    "three channels out", scratch, notes: [56, 72, 104, 120, 76, 100, 148, 172, 96, 128, 192, 224])
  let concise = input.unsqueezed(0).convolved(kernels)
  page.expect("the library's convolution gives the same", page.number(distance(concise, scratch)) < 1e-4)

  let image = Tensor.normal([3, 3, 3], key: RandomKey(seed: 1, .synthesis))
  let weights = Tensor.normal([2, 3, 1, 1], key: RandomKey(seed: 2, .synthesis))
  let product = weights.reshaped([2, 3]).matmul(image.reshaped([3, 9])).reshaped([2, 3, 3])
  let correlated = Tensor.stack(weights.rows().map { correlateIn(image, $0) })
  page.expect("1×1 is a matrix product over the channels", page.number(distance(product, correlated)) < 1e-6)
}

/// The sum of the channels' cross-correlations.
private func correlateIn(_ input: Tensor, _ kernel: Tensor) -> Tensor {
  let parts = zip(input.rows(), kernel.rows()).map { crossCorrelation($0, $1) }
  return Tensor.stack(parts).sum(0)
}

/// The largest difference of two tensors' elements in their order.
func distance(_ first: Tensor, _ second: Tensor) -> Tensor {
  (first.reshaped([-1]) - second.reshaped([-1])).abs().max()
}

extension Tensor {
  /// The parts along the first axis.
  fileprivate func rows() -> [Tensor] { (0..<shape[0]).map { self[$0] } }
}
