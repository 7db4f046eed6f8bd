import Tensors
import Testing

@testable import TestSupport

@Suite("Everyday operators: gradients against central differences, in every layout")
struct EverydayGradientTests {
  typealias Call = @Sendable (Tensor) throws -> Tensor

  struct Operation: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let call: Call
    init(_ name: String, _ call: @escaping Call) { (testDescription, self.call) = (name, call) }
  }

  static let operations: [Operation] = [
    .init("variance axis 1") { $0.variance(1) },
    .init("variance of two axes, uncorrected, kept") {
      ($0 + 1).unsqueezed(0).variance([0, -1], correction: 0, keepingAxes: true)
    },
    .init("standard deviation axis -1") { $0.standardDeviation(-1) },
    .init("norm of order 3") { ($0 + 5).norm(order: 3, [1]) },
    .init("norm of order 1") { $0.norm(order: 1, [-1]) },
    .init("largest size") { $0.norm(order: .infinity, [1]) },
    .init("sort") { $0.sorted().values },
    .init("sort axis 0, descending") { $0.sorted(0, descending: true).values },
    .init("topk") { $0.topk(2).values },
    .init("cumulative product") { $0.cumulativeProduct(-1) },
    .init("erf") { $0.erf() },
    .init("softplus") { $0.softplus() },
    .init("remainder") { ($0 + 7.3) % 2.5 },
    .init("mask") { $0[$0.detached() > 0.1] },
    .init("rows by integers") { $0.shape[0] == 0 ? $0 : $0[Tensor([[0, -1], [1, 0]])] },
    .init("masked fill") { $0.maskedFill($0.detached() > 0.1, -2) },
    .init("flip") { $0.flipped([0, -1]) },
    .init("roll") { $0.rolled(3, axis: 1) },
    .init("roll over all") { $0.rolled(-2) },
    .init("tile") { $0.tiled([2, 1, 3]) },
    .init("repeat interleave") { $0.repeatInterleave(2, axis: 1) },
    .init("tril") { $0.tril(1) },
    .init("triu") { $0.triu(-1) },
    .init("pad") { $0.padded([1, 2, 0, 1], .constant(3)) },
    .init("pad and cut") { $0.padded([-1, 2]) },
    .init("reflect") { $0.padded([2, 1], .reflect) },
    .init("replicate") { $0.padded([2, 1], .replicate) },
    .init("circular") { $0.padded([2, 1], .circular) },
    .init("chunks") { x in .concatenate(x.chunk(2, axis: 1).reversed(), axis: 1) },
    .init("split") { x in .concatenate(x.split([1, 2, x.shape[1] - 3], axis: 1).map { $0.sin() }, axis: 1) },
    .init("einsum") { .einsum("ab...,cb...->ac", $0, $0.sin()) },
    .init("trace") { .einsum("...ii", $0.sum(Array(2..<$0.rank))[.all, ..<($0.shape[0])]) },
    .init("scatter") { x in
      x.scattered((Tensor.arange(x.elementCount).reshaped(x.shape) * 0)[.all, ..<1], x.sin()[.all, ..<1], axis: 1)
    },
    .init("scatter add") { x in x.scatterAdded(Tensor.arange(x.elementCount).reshaped(x.shape) * 0, x.sin(), axis: 1) },
  ]

  @Test("One tensor", arguments: operations, Layouts.views.indices)
  func oneTensor(_ operation: Operation, layout: Int) throws {
    let view = Layouts.views[layout]
    try checkGradient([Layouts.normal(view.leaf)], view.name) { try operation.call(view.make($0[0])) }
  }

  @Test("Two tensors, over random broadcasting shapes", arguments: 0..<8)
  func twoTensors(seed: Int) throws {
    let (first, second) = Layouts.broadcastingPair(seed: seed)
    let pair = [try Layouts.normal(first, seed: 1), try Layouts.normal(second, seed: 2)]
    try checkGradient(pair, "\(first), \(second)") { $0[0] % ($0[1] * $0[1] + 7) }
    try checkGradient(pair, "\(first), \(second)") { ($0[0] + 30) % ($0[1].sin() + 7) }
  }

  /// Float32 only: a larger step, and a tolerance for its rounding.
  @Test("Transposed convolutions", arguments: [1, 2, 0])
  func transposed(batch: Int) throws {
    let inputs = [
      try Layouts.normal([batch, 4, 3, 4], .float32), try Layouts.normal([4, 2, 3, 2], seed: 1, .float32),
      try Layouts.normal([4], seed: 2, .float32),
    ]
    try checkGradient(inputs, step: 0.05, tolerance: 1e-3) {
      $0[0].transposeConvolved(
        $0[1], bias: $0[2], stride: [2, 1], padding: [1, 0], outputPadding: [1, 0], groups: 2, dilation: [1, 2])
    }
    try checkGradient(Array(inputs.dropLast()), step: 0.05, tolerance: 1e-3, "views") {
      $0[0].transposed().transposeConvolved($0[1].transposed(), stride: [1, 2])
    }
  }

  @Test("Windows rounded up and adaptive maxima", arguments: [[2, 3, 6, 6], [1, 1, 5, 7], [0, 2, 4, 4]])
  func windows(shape: [Int]) throws {
    let count = Shape(shape).elementCount
    let values = Tensor.permutation(count, key: RandomKey(seed: 5)).to(.float32).reshaped(Shape(shape))
    for (kernel, stride, padding) in [([2, 2], [2, 2], [0, 0]), ([3, 2], [2, 3], [1, 0])] {
      try checkGradient([values], step: 0.05, tolerance: 1e-3) {
        $0[0].maxPooled(kernel, stride: stride, padding: padding, ceilMode: true)
      }
      for countingPadding in [true, false] {
        try checkGradient([values * 0.01], step: 0.05, tolerance: 1e-3) {
          $0[0].averagePooled(
            kernel, stride: stride, padding: padding, ceilMode: true, countingPadding: countingPadding)
        }
      }
    }
    try checkGradient([values], step: 0.05, tolerance: 1e-3) { $0[0].adaptiveMaxPooled([3, 2]) }
  }
}

@Suite("Everyday operators at their edges, as PyTorch has them")
struct EverydayEdgeTests {
  private let nan = Float.nan

  private func whole(_ tensor: Tensor) throws -> [Int64] { try tensor.values() }

  @Test("NaN is the greatest in order, in maxima and in topk")
  func nans() throws {
    let x = Tensor([2.0, nan, 1, nan, 3])
    #expect(try whole(x.argsort()) == [2, 0, 4, 1, 3] && whole(x.argsort(descending: true)) == [1, 3, 4, 0, 2])
    #expect(try whole(x.topk(3).indices) == [1, 3, 4] && whole(x.topk(2, largest: false).indices) == [2, 0])
    #expect(try x.max().item().isNaN && x.variance().item().isNaN)
    #expect(try x.isnan().values() == [false, true, false, true, false])
    let far = Tensor([Float.infinity, -.infinity, 0, nan])
    #expect(try far.isinf().values() == [true, true, false, false])
    #expect(try far.isfinite().values() == [false, false, true, false])
    #expect(try Tensor([nan]).any().values() == [true] && Tensor([nan, 0]).all().values() == [false])
  }

  @Test("Empty tensors and scalars")
  func empty() throws {
    let nothing = Tensor.zeros([0])
    #expect(try nothing.any().values() == [false] && nothing.all().values() == [true])
    #expect(nothing.sorted().values.shape == [0] && nothing.topk(0).indices.shape == [0])
    #expect(try nothing.variance().item().isNaN && Tensor([5.0]).standardDeviation().item().isNaN)
    #expect(
      nothing.flipped(0).shape == [0] && nothing.rolled(3).shape == [0] && nothing.tiled([2, 3]).shape == [2, 0])
    #expect(nothing.nonzero().shape == [0, 1] && nothing[nothing .== nothing].shape == [0])
    #expect(Tensor.zeros([2, 0]).padded([1, 1]).shape == [2, 2] && Tensor.zeros([0, 3]).tril().shape == [0, 3])
    #expect(nothing.split(2).map(\.shape) == [[0]] && nothing.chunk(3).map(\.shape) == [[0]])
    #expect(nothing.outer(Tensor.ones([2])).shape == [0, 2] && nothing.cumulativeProduct(0).shape == [0])
    #expect(try Tensor.einsum("ij,jk->ik", Tensor.zeros([2, 0]), Tensor.zeros([0, 2])).floats() == [0, 0, 0, 0])
    let scalar = Tensor(3.0)
    #expect(
      try scalar.sorted().values.item() == 3 && whole(scalar.argsort()) == [0] && scalar.topk(1).values.item() == 3)
    #expect(try scalar.any().values() == [true] && scalar[Tensor(true)].floats() == [3])
    #expect(try scalar.tiled([2]).floats() == [3, 3] && scalar.rolled(5).item() == 3 && scalar.floor().item() == 3)
    #expect(scalar.maskedFill(Tensor(true), 7).shape == [] && scalar.nonzero().shape == [1, 0])
  }

  @Test("Integers stay exact, and what does not fit wraps around")
  func integers() throws {
    let large = Int64.max
    let x = Tensor([large, large - 1, .min])
    #expect(try whole(x.sorted().values) == [.min, large - 1, large])
    #expect(try whole(x % 10) == [7, 6, 2] && whole(x.floorDivided(by: -1)) == [-large, -large + 1, .min])
    #expect(try whole(x % -1) == [0, 0, 0] && whole(~Tensor([0, -1])) == [-1, 0])
    #expect(try (~Tensor([UInt8(1)])).values() == [UInt8(254)] && Tensor([UInt8(7)]).floor().dtype == .uint8)
    #expect(try whole(Tensor([[1, 2], [3, 4]]).cumulativeProduct(0)) == [1, 2, 3, 8])
    #expect(Tensor([1, 2]).maskedFill(Tensor([true, false]), 9).dtype == .int64)
    #expect(try whole(Tensor([3, 1]).padded([1, 0], .constant(5))) == [5, 3, 1])
    #expect(try abs(Tensor([1, 2, 3, 4]).variance().item() - 5.0 / 3) < 1e-6)
  }

  @Test("Written by mask and by positions, views too")
  func writing() throws {
    let x = Tensor([[1.0, -2, 3], [-4, 5, -6]])
    x[x < 0] = Tensor(0.0)
    #expect(try x.floats() == [1, 0, 3, 0, 5, 0])
    let turned = x.transposed()
    turned[turned > 2] = Tensor([7.0, 8])
    #expect(try x.floats() == [1, 0, 8, 0, 7, 0])
    x[Tensor([-1])] = Tensor([[9.0, 9, 9]])
    #expect(try x.floats() == [1, 0, 8, 9, 9, 9])
    x[Tensor([2])] = Tensor(1.0)
    #expect(x.fault != nil)
  }

  @Test("A masked place takes no derivative, whatever arrives")
  func masked() throws {
    let x = Tensor([1.0, 2]).requiringGradient()
    try x.maskedFill(Tensor([true, false]), 0).backward(gradient: Tensor([Float.infinity, 3]))
    #expect(try x.gradient?.floats() == [0, 3])
    let flat = Tensor([2.0, 2]).requiringGradient()
    try flat.standardDeviation().backward()
    #expect(try flat.gradient?.floats() == [0, 0])
    let zero = Tensor([0.0, 0]).requiringGradient()
    try zero.norm(order: 3).backward()
    #expect(try zero.gradient?.floats() == [0, 0])
  }

  @Test("A faulted tensor falls apart into as many parts as the code behind it counts on")
  func parts() {
    let broken = ones(2, 3) + ones(4)
    #expect(broken.chunk(3).count == 3 && broken.split([1, 2]).count == 2)
    #expect(broken.split([1, 2], axis: 1)[1].shape == [2, 2] && broken.chunk(3)[2].fault != nil)
    #expect(broken.sorted().indices.dtype == .int64 && broken.topk(1).values.shape == [2, 1])
  }
}
