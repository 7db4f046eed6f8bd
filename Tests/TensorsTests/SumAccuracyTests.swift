import Tensors
import Testing

@testable import TestSupport

/// Sums of many float32 numbers, against those in float64. PyTorch 2's own errors here are up to 6e-7.
@Suite("Sums are accurate, however many numbers they add")
struct SumAccuracyTests {
  private static let count = 1 << 18

  private func expectExact(
    _ sum: Tensor, _ wanted: Tensor, _ what: String = "", sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    #expect(sum.shape == wanted.shape && sum.dtype == .float32, sourceLocation: sourceLocation)
    for (found, wanted) in zip(try sum.values(as: Double.self), try wanted.values(as: Double.self)) {
      let isNear = abs(found - wanted) <= 1e-6 * abs(wanted)
      #expect(isNear, "\(what): \(found), not \(wanted)", sourceLocation: sourceLocation)
    }
  }

  @Test("The issue's column of 0.1, and a large number before small ones")
  func columns() throws {
    let tenth = Double(Float(0.1))
    try expectExact(.full([1 << 20, 2], 0.1).sum(0), .full([2], tenth * Double(1 << 20)).to(.float64))
    for columns in [1, 2, 40] {
      let tall = Tensor.ones([5000, columns])
      tall[0] = Tensor.full([columns], Double(1 << 24))
      try expectExact(tall.sum(0), .full([columns], Double(1 << 24) + 4999), "\(columns) columns")
    }
  }

  struct Layout: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let axes: [Int]?
    let make: @Sendable (Tensor) -> Tensor

    init(_ name: String, _ axes: [Int]?, _ make: @escaping @Sendable (Tensor) -> Tensor) {
      (testDescription, self.axes, self.make) = (name, axes, make)
    }
  }

  static let layouts: [Layout] = [
    .init("all elements", nil) { $0 },
    .init("all elements of a transposed matrix", nil) { $0.reshaped([512, -1]).transposed() },
    .init("first axis", [0]) { $0.reshaped([-1, 4]) },
    .init("first axis, many columns", [0]) { $0.reshaped([-1, 100]) },
    .init("middle axis", [1]) { $0.reshaped([2, -1, 2]) },
    .init("last axis", [1]) { $0.reshaped([4, -1]) },
    .init("last axis, negative", [-1]) { $0.reshaped([4, -1]) },
    .init("last axis of a transposed matrix", [1]) { $0.reshaped([-1, 4]).transposed() },
    .init("first axis of a transposed matrix", [0]) { $0.reshaped([4, -1]).transposed() },
    .init("every second element", [0]) { $0[.every(2)] },
    .init("every second row", [0]) { $0.reshaped([-1, 4])[.every(2)] },
    .init("a row repeated", [0]) { $0[0..<2].expanded(to: [60_000, 2]) },
    .init("outer axes of three", [0, 2]) { $0.reshaped([64, 16, -1]) },
    .init("pixels of images", [0, 2, 3]) { $0.reshaped([16, 4, 64, 64]) },
    .init("pixels of images, channels last", [0, 2, 3]) { $0.reshaped([16, 64, 64, 4]).permuted([0, 3, 1, 2]) },
    .init("pixels of images in blocks", [0, 2, 3]) {
      // What a convolution of many channels gives; its kernel takes each channel as it is.
      let eye = (Tensor.arange(16).unsqueezed(1) .== Tensor.arange(16)).to(.float32)
      return $0.reshaped([4, 16, 64, 64]).convolved(eye.reshaped([16, 16, 1, 1]))
    },
  ]

  @Test("Any axes of any layout", arguments: layouts)
  func axes(of layout: Layout) throws {
    let count = layout.testDescription.contains("many columns") ? 200_000 : Self.count
    // Numbers that a chain of float32 rounds to one side.
    let numbers = Tensor((0..<count).map { 0.1 + Float($0 % 7) * 0.001 })
    let tensor = layout.make(numbers)
    let exact = tensor.to(.float64)
    try expectExact(tensor.sum(layout.axes), exact.sum(layout.axes))
    try expectExact(tensor.mean(layout.axes), exact.mean(layout.axes))
    try expectExact(tensor.norm(layout.axes), exact.norm(layout.axes))
    #expect(try tensor.sum(layout.axes).floats() == tensor.copy().sum(layout.axes).floats())
  }

  @Test("Gradients of what was repeated: broadcast sums and products, biases of dense layers")
  func gradients() throws {
    let rows = Self.count
    let x = Tensor.full([rows, 2], 0.3)
    func gradient(_ shape: Shape, _ use: (Tensor) -> Tensor) throws -> Tensor {
      let leaf = Tensor.full(shape, 1).requiringGradient()
      try (use(leaf) * 0.1).sum().backward()
      return try #require(leaf.gradient)
    }
    let (tenth, tall) = (Double(Float(0.1)), Double(rows))
    try expectExact(gradient([2]) { x + $0 }, .full([2], tall * tenth).to(.float64), "sum")
    try expectExact(gradient([1, 2]) { x - $0 }, .full([1, 2], -tall * tenth).to(.float64), "difference")
    try expectExact(gradient([]) { x + $0 }, Tensor(2 * tall * tenth).to(.float64), "scalar")
    let product = Double(Float(0.1) * Float(0.3))
    try expectExact(gradient([2]) { x * $0 }, .full([2], tall * product).to(.float64), "product")
    try expectExact(gradient([2]) { $0.expanded(to: [rows, 2]) }, .full([2], tall * tenth).to(.float64), "expanded")
    try expectExact(
      gradient([2]) { x.linear(.ones([2, 2]), $0) }, .full([2], tall * tenth).to(.float64), "bias of a dense layer")
  }

  @Test("Running sums, logarithms of sums and losses")
  func others() throws {
    let tall = Double(Self.count)
    let tenth = Double(Float(0.1))
    let running = Tensor.full([Self.count], 0.1).cumulativeSum(0)
    try expectExact(running[-1], Tensor(tall * tenth).to(.float64))
    try expectExact(Tensor.zeros([Self.count]).logSumExp([0]), Tensor(tall).to(.float64).log())
    let targets = Tensor.zeros([Self.count, 1])
    let square = Double(Float(0.1) * Float(0.1))
    try expectExact(Tensor.full([Self.count, 1], 0.1).squaredErrorSum(targets), Tensor(tall * square).to(.float64))
  }

  @Test("Statistics of batch normalisation")
  func statistics() throws {
    let values = Tensor((0..<Self.count).map { Float(7) + ($0 % 2 == 0 ? 0.1 : -0.1) })
    let batch = values.unsqueezed(1).expanded(to: [Self.count, 3])
    let exact = batch.to(.float64)
    let output = batch.batchNormalized(.ones([3]), .zeros([3])).output
    let (mean, variance) = (exact.mean(0), (exact - exact.mean(0)).pow(2).mean(0))
    let wanted = (exact - mean) / (variance + 1e-5).sqrt()
    #expect(try (output.to(.float64) - wanted).abs().max().item() < 1e-4)
    #expect(try abs(output.to(.float64).mean(0).sum().item()) < 1e-4)
  }
}
