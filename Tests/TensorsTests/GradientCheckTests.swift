import Tensors
import Testing

@testable import TestSupport

@Suite("Gradients against central differences")
struct GradientCheckTests {
  typealias Unary = @Sendable (Tensor) throws -> Tensor
  typealias Binary = @Sendable (Tensor, Tensor) throws -> Tensor

  struct Operation<Call: Sendable>: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let call: Call
    init(_ name: String, _ call: Call) { (testDescription, self.call) = (name, call) }
  }

  static let unary: [Operation<Unary>] = [
    .init("exp") { $0.exp() },
    .init("log") { ($0 * $0 + 0.3).log() },
    .init("sqrt") { ($0 * $0 + 0.3).sqrt() },
    .init("square") { $0.pow(2) },
    .init("cube") { $0.pow(3) },
    .init("power -1.5") { ($0 * $0 + 0.3).pow(-1.5) },
    .init("abs") { $0.abs() },
    .init("sin") { $0.sin() },
    .init("cos") { $0.cos() },
    .init("tanh") { $0.tanh() },
    .init("sigmoid") { $0.sigmoid() },
    .init("relu") { $0.relu() },
    .init("clamp") { $0.clamped(-0.6, 0.9) },
    .init("negation") { -$0 },
    .init("copy to float32 and back") { $0.to(.float64) },
    .init("sum") { $0.sum() },
    .init("sum axis 0") { $0.sum(0) },
    .init("sum of first and last axis, kept") { $0.sum([0, -1], keepingAxes: true) },
    .init("mean axis -1") { $0.mean(-1, keepingAxes: true) },
    .init("norm axis 1") { ($0 + 5).norm([1]) },
    .init("max axis -1") { $0.max(-1) },
    .init("min axis 1, kept") { $0.min(1, keepingAxes: true) },
    .init("max of two axes") { $0.unsqueezed(0).max([0, 2]) },
    .init("cumulative sum axis 0") { $0.shape[0] == 0 ? $0 : $0.cumulativeSum(0) },
    .init("softmax") { $0.softmax() },
    .init("softmax axis 1 of more") { $0.unsqueezed(-1).softmax(1) },
    .init("log softmax") { $0.logSoftmax() },
    .init("log sum exp") { $0.logSumExp() },
    .init("transpose") { $0.transposed() },
    .init("flatten") { $0.flattened() },
    .init("reshape after transpose") { $0.transposed().reshaped([$0.elementCount]) },
    .init("expand") { $0.unsqueezed(0).expanded(to: Shape([2] + $0.shape.extents)) },
    .init("slice") { $0[.all, 1..<3] },
    .init("steps") { $0[.all, .every(2)] },
    .init("select with repeats") { $0.selected([1, 0, 1, 1], axis: 1) },
    .init("gather") { x in
      let indices = (Tensor.arange(x.elementCount).reshaped(x.shape) * 0 + 1)
      return x.gathered(indices, axis: 1)
    },
  ]

  @Test("Functions of one tensor, in every layout", arguments: unary, Layouts.views.indices)
  func oneTensor(_ operation: Operation<Unary>, layout: Int) throws {
    let view = Layouts.views[layout]
    try checkGradient([Layouts.normal(view.leaf)], view.name) { try operation.call(view.make($0[0])) }
  }

  static let binary: [Operation<Binary>] = [
    .init("sum") { $0 + $1 },
    .init("difference") { $0 - $1 },
    .init("product") { $0 * $1 },
    .init("quotient") { $0 / ($1 * $1 + 0.5) },
    .init("maximum") { $0.maximum($1) },
    .init("minimum") { $0.minimum($1) },
    .init("power") { ($0 * $0 + 0.3).pow($1) },
    .init("where") { $0.chosen(where: $0 > 0.1, else: $1) },
  ]

  @Test("Functions of two tensors, over random broadcasting shapes", arguments: binary, 0..<12)
  func twoTensors(_ operation: Operation<Binary>, seed: Int) throws {
    let (first, second) = Layouts.broadcastingPair(seed: seed)
    let pair = [try Layouts.normal(first, seed: 1), try Layouts.normal(second, seed: 2)]
    try checkGradient(pair, "\(first), \(second)") { try operation.call($0[0], $0[1]) }
    try checkGradient(pair.reversed(), "\(second), \(first)") { try operation.call($0[0], $0[1]) }
  }

  /// Shapes of the factors; the products of those of one inner extent are defined.
  static let products: [(Shape, Shape)] = [
    ([3, 4], [4, 2]), ([1, 1], [1, 1]), ([4], [4]), ([3, 4], [4]), ([4], [4, 2]), ([2, 3, 4], [2, 4, 2]),
    ([2, 3, 4], [4, 2]), ([3, 4], [2, 4, 2]), ([2, 1, 2, 4], [3, 4, 2]), ([2, 3, 4], [4]), ([0, 4], [4, 2]),
    ([3, 0], [0, 2]), ([0, 3, 4], [0, 4, 2]),
  ]

  @Test("Matrix products", arguments: products)
  func matmul(first: Shape, second: Shape) throws {
    let pair = [try Layouts.normal(first, seed: 1), try Layouts.normal(second, seed: 2)]
    try checkGradient(pair) { $0[0].matmul($0[1]) }
    guard first.rank > 1, second.rank > 1 else { return }
    try checkGradient([pair[0].transposed().copy(), pair[1].transposed().copy()], "transposed") {
      $0[0].transposed().matmul($0[1].transposed())
    }
  }

  @Test("Linear layers", arguments: [[5, 4], [0, 4], [4], [2, 3, 4]])
  func linear(shape: [Int]) throws {
    let inputs = [
      try Layouts.normal(Shape(shape)), try Layouts.normal([3, 4], seed: 1), try Layouts.normal([3], seed: 2),
    ]
    try checkGradient(inputs) { $0[0].linear($0[1], $0[2]) }
    try checkGradient(Array(inputs.dropLast())) { $0[0].linear($0[1], nil) }
  }

  @Test("Joining", arguments: [0, 1, -1])
  func joining(axis: Int) throws {
    let inputs = [try Layouts.normal([2, 3]), try Layouts.normal([2, 3], seed: 1)]
    try checkGradient(inputs) { .concatenate([$0[0], $0[1], $0[0]], axis: axis) }
    try checkGradient(inputs) { .stack([$0[1], $0[0].sin()], axis: axis) }
  }

  struct Convolving: Sendable {
    let input, weights: Shape
    var stride = [1, 1]
    var padding = [0, 0]
    var dilation = [1, 1]
    var groups = 1
  }

  /// Float32 only: a larger step, and a tolerance for its rounding. The sums are linear in each factor.
  @Test(
    "Convolutions",
    arguments: [
      Convolving(input: [2, 1, 6, 5], weights: [3, 1, 3, 3], padding: [1, 1]),
      Convolving(input: [1, 3, 7, 6], weights: [2, 3, 3, 2], stride: [2, 1]),
      Convolving(input: [2, 4, 6, 6], weights: [4, 2, 3, 3], padding: [2, 1], dilation: [2, 1], groups: 2),
      Convolving(input: [0, 2, 5, 5], weights: [3, 2, 3, 3]),
    ])
  func convolutions(_ fixture: Convolving) throws {
    let inputs = [
      try Layouts.normal(fixture.input, .float32), try Layouts.normal(fixture.weights, seed: 1, .float32),
      try Layouts.normal([fixture.weights[0]], seed: 2, .float32),
    ]
    try checkGradient(inputs, step: 0.05, tolerance: 1e-3) {
      $0[0].convolved(
        $0[1], bias: $0[2], stride: fixture.stride, padding: fixture.padding, dilation: fixture.dilation,
        groups: fixture.groups)
    }
  }

  @Test("Pooling", arguments: [[2, 3, 6, 6], [1, 1, 5, 7], [0, 2, 4, 4]])
  func pooling(shape: [Int]) throws {
    // Far from each other, so that no step changes which is the largest.
    let count = Shape(shape).elementCount
    let values = Tensor.permutation(count, key: RandomKey(seed: 5)).to(.float32).reshaped(Shape(shape))
    for (kernel, stride, padding) in [([2, 2], [2, 2], [0, 0]), ([3, 2], [2, 1], [1, 0])] {
      try checkGradient([values], step: 0.05, tolerance: 1e-3) {
        $0[0].maxPooled(kernel, stride: stride, padding: padding)
      }
      for countingPadding in [true, false] {
        try checkGradient([values * 0.01], step: 0.05, tolerance: 1e-3) {
          $0[0].averagePooled(kernel, stride: stride, padding: padding, countingPadding: countingPadding)
        }
      }
    }
  }

  @Test("A convolution of channels-last and of sliced inputs, with a bias that has gaps")
  func convolutionOfViews() throws {
    let inputs = [
      try Layouts.normal([2, 5, 6, 3], .float32), try Layouts.normal([3, 3, 4, 3], seed: 1, .float32),
      try Layouts.normal([8], seed: 2, .float32),
    ]
    try checkGradient(inputs, step: 0.05, tolerance: 1e-3) {
      let images = $0[0].permuted([0, 3, 1, 2])
      let weights = $0[1].permuted([2, 3, 0, 1])
      return images.convolved(weights, bias: $0[2][.every(2)]).averagePooled([2, 2])
    }
  }
}
