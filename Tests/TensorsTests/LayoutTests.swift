import Tensors
import Testing

@testable import TestSupport

/// What lies otherwise in memory is the same tensor: each operator gives on every layout what it gives on the plain one.
@Suite("Layouts")
struct LayoutTests {
  struct Operation: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let isBlockedFromBlocks: Bool
    let call: @Sendable ([Tensor]) throws -> Tensor

    /// - Parameter staysBlocked: whether blocks in give blocks out.
    init(_ name: String, staysBlocked: Bool = false, _ call: @escaping @Sendable ([Tensor]) throws -> Tensor) {
      (testDescription, isBlockedFromBlocks, self.call) = (name, staysBlocked, call)
    }
  }

  static let operations: [Operation] = [
    .init("convolution", staysBlocked: true) { try $0[0].convolved(weights($0[0], 17), padding: [1, 1]) },
    .init("convolution, ReLU, bias", staysBlocked: true) {
      try $0[0].convolved(
        weights($0[0], 16), bias: Tensor.normal([16], key: RandomKey(seed: 4)), stride: [2, 1]
      ).relu()
    },
    .init("convolution of 1×1 and ReLU", staysBlocked: true) {
      try $0[0].convolved(weights($0[0], 4, kernel: 1)).relu()
    },
    .init("maximum of windows", staysBlocked: true) { $0[0].maxPooled([3, 3], stride: [2, 2], padding: [1, 1]) },
    .init("mean of tiles", staysBlocked: true) { $0[0].averagePooled([2, 2]) },
    .init("mean inside", staysBlocked: true) {
      $0[0].averagePooled([3, 2], stride: [1, 1], padding: [1, 1], countingPadding: false)
    },
    .init("adaptive mean") { $0[0].adaptivelyAveraged([4, 3]) },
    .init("relu", staysBlocked: true) { $0[0].relu() },
    .init("exp", staysBlocked: true) { $0[0].exp() },
    .init("sigmoid and tanh", staysBlocked: true) { $0[0].sigmoid().tanh() },
    .init("cosine of a square", staysBlocked: true) { $0[0].pow(2).cos() },
    .init("cube") { $0[0].pow(3) },
    .init("powers of two") { ($0[0] * $0[0] + 1).pow($0[1]) + ($0[1] * $0[1] + 1).log() },
    .init("sum of two", staysBlocked: true) { $0[0] + $0[1] },
    .init("product of two", staysBlocked: true) { $0[0] * $0[1] },
    .init("quotient", staysBlocked: true) { $0[0] / ($0[1] * $0[1] + $0[1].exp()) },
    .init("residual block", staysBlocked: true) { inputs in
      let channels = inputs[0].shape[1]
      let inner = try inputs[0].convolved(weights(inputs[0], channels), padding: [1, 1]).relu()
      return try (inner.convolved(weights(inner, channels), padding: [1, 1]) + inputs[0]).relu()
    },
    .init("scaled") { $0[0] * 3 },
    .init("larger of two") { $0[0].maximum($0[1]) },
    .init("batch norm") {
      let channels = $0[0].shape[1]
      return $0[0].batchNormalized(.ones([channels]), .zeros([channels])).output.relu()
    },
    .init("flattened product") { $0[0].flattened().matmul($0[1].flattened().transposed()) },
    .init("sums over axes") { $0[0].sum([0, 2, 3]) + $0[0].max([0, 3]).sum(1) },
    .init("softmax over channels") { $0[0].softmax(1) },
    .init("slices and permutations") { $0[0][1, .every(2), 1...].permuted([2, 0, 1]).exp() },
    .init("joined along channels") { .concatenate([$0[0], $0[1]], axis: 1) },
    .init("used by strides between two convolutions") { inputs in
      let inner = try inputs[0].convolved(weights(inputs[0], 16), padding: [1, 1])
      let sum = inner.sum()
      return try inner.convolved(weights(inner, 3)) + sum
    },
  ]

  private static func weights(_ input: Tensor, _ outChannels: Int, kernel: Int = 3) throws -> Tensor {
    Tensor.normal(
      [outChannels, input.shape[1], kernel, kernel], standardDeviation: 0.3, key: RandomKey(seed: 9))
  }

  private static func inputs(_ channels: Int) throws -> [Tensor] {
    (0..<2).map { Tensor.normal([2, channels, 6, 5], key: RandomKey(seed: 3, layer: $0)) }
  }

  /// The same elements, laid so.
  private static func laid(_ tensor: Tensor, _ layout: Layout) throws -> Tensor {
    guard layout == .strided else { return tensor.arranged(layout) }
    let wide = Tensor.zeros([2, tensor.shape[1], 6, 10])
    let view = wide[.all, .all, .all, .every(2)]
    view.assign(tensor)
    return view
  }

  /// Value, and the gradients of both inputs.
  private static func results(_ operation: Operation, _ inputs: [Tensor], _ layouts: [Layout]) throws -> [Tensor] {
    let leaves = inputs.map { $0.copy().requiringGradient() }
    let laid = try zip(leaves, layouts).map { leaf, layout in
      layout == .strided ? try Self.laid(leaf.detached(), .strided).requiringGradient() : leaf.arranged(layout)
    }
    let value = try operation.call(laid)
    if layouts.allSatisfy({ $0 == .blocked }) && operation.isBlockedFromBlocks { #expect(value.layout == .blocked) }
    try value.backward(gradient: Tensor.normal(value.shape, key: RandomKey(seed: 5)))
    let gradients = zip(leaves, laid).map { $1.requiresGradient ? $1.gradient : $0.gradient }
    return [value.detached()] + gradients.map { $0 ?? .zeros([0]) }
  }

  @Test("Each operator on each layout, values and gradients", arguments: operations, [3, 16, 20])
  func agrees(_ operation: Operation, channels: Int) throws {
    let inputs = try Self.inputs(channels)
    let wanted = try Self.results(operation, inputs, [.rowMajor, .rowMajor])
    let pairs: [[Layout]] = [
      [.channelsLast, .channelsLast], [.blocked, .blocked], [.strided, .strided], [.blocked, .rowMajor],
      [.channelsLast, .blocked],
    ]
    for layouts in pairs {
      for (index, (found, expected)) in zip(try Self.results(operation, inputs, layouts), wanted).enumerated() {
        #expect(found.shape == expected.shape)
        for (a, b) in zip(try found.floats(), try expected.floats()) where !(abs(a - b) <= 1e-4 * max(1, abs(b))) {
          Issue.record("\(operation.testDescription) of \(layouts), result \(index): \(a), not \(b)")
          break
        }
      }
    }
  }

  @Test("There and back", arguments: [1, 16, 19])
  func thereAndBack(channels: Int) throws {
    let plain = Tensor.normal([3, channels, 4, 7], key: RandomKey(seed: 1))
    for layout in [Layout.channelsLast, .blocked] {
      let other = plain.arranged(layout)
      #expect(other.layout == (channels == 1 && layout == .channelsLast ? .rowMajor : layout))
      #expect(try other.arranged(.rowMajor).floats() == plain.floats())
      #expect(try other[2, -1].floats() == plain[2, -1].floats())
    }
  }

  @Test("Views of images in blocks see each other's changes")
  func views() throws {
    let images = Tensor.zeros([1, 3, 2, 2]).arranged(.blocked)
    let (other, part) = (images.detached(), images[0, 1])
    part.fill(5)
    #expect(try images.sum().item() == 20 && other.sum().item() == 20)
  }

  @Test("What can't lie so is an error")
  func impossible() {
    let wrong = [
      Tensor.zeros([2, 3]).arranged(.channelsLast), Tensor.zeros([1, 2, 3, 4], .float64).arranged(.blocked),
      Tensor.zeros([1, 2, 3, 4]).arranged(.strided),
    ]
    for tensor in wrong { #expect(throws: TensorError.self) { try tensor.check() } }
  }
}
