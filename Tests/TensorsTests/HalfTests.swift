import Kernels
import Testing

@testable import Tensors
@testable import TestSupport

/// In half precision images lie as bf16 between the operators that know it, and are float32 tensors to everybody else.
@Suite("Half precision")
struct HalfTests {
  private static func normal(_ shape: Shape, _ seed: UInt64) -> Tensor { .normal(shape, key: RandomKey(seed: seed)) }

  private static func distance(_ found: Tensor, _ wanted: Tensor) throws -> Double {
    let (x, y) = (try found.floats(), try wanted.floats())
    let difference = zip(x, y).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
    return (difference / max(y.reduce(0.0) { $0 + Double($1) * Double($1) }, 1e-30)).squareRoot()
  }

  /// A residual block with all operators that read and write bf16, and a layer behind it that does not.
  private static func block(_ input: Tensor, _ parameters: [Tensor]) -> Tensor {
    let first = input.convolved(parameters[0], bias: parameters[1], padding: [1, 1])
    let normalized = first.batchNormalized(.ones([16]), .zeros([16])).output.relu()
    let inner = normalized.convolved(parameters[2], padding: [1, 1])
    let sum = (inner + normalized).relu()
    let pooled = sum.maxPooled([3, 3], stride: [2, 2], padding: [1, 1]).averagePooled([2, 2])
    return pooled.flattened().linear(parameters[3], nil)
  }

  private static func parameters() -> [Tensor] {
    [
      normal([16, 16, 3, 3], 1) * 0.1, normal([16], 2), normal([16, 16, 3, 3], 3) * 0.1, normal([5, 16 * 4], 4) * 0.1,
    ].map { $0.detached().requiringGradient() }
  }

  @Test("Values and gradients are near float32's")
  func nearFloat32() throws {
    let input = Self.normal([3, 16, 8, 8], 5).requiringGradient()
    func run(_ precision: Precision) throws -> [Tensor] {
      let parameters = Self.parameters()
      input.gradient = nil
      let output = KernelOptions(precision: precision).run { Self.block(input, parameters) }
      try (output * output).sum().backward()
      return try [output.detached(), #require(input.gradient)] + parameters.map { try #require($0.gradient) }
    }
    let (half, float) = (try run(.bf16), try run(.float32))
    for (index, (found, wanted)) in zip(half, float).enumerated() {
      // The first bias goes into a batch norm, which takes it off again.
      if index == 3 { continue }
      let distance = try Self.distance(found, wanted)
      // On such blocks PyTorch's autocast comes to 0.06 to 0.13 for gradients behind a maximum, which may be another pixel's.
      #expect(distance < (index == 0 || index == 5 ? 0.03 : 0.25), "tensor \(index): \(distance)")
      #expect(try found.floats() != wanted.floats())
    }
  }

  @Test("Between them images take half the memory; whoever reads one gets float32")
  func storage() throws {
    let options = KernelOptions(precision: .bf16)
    let input = Self.normal([2, 4, 6, 6], 1)
    let weights = Self.normal([6, 4, 3, 3], 2)
    let output = options.run { input.convolved(weights) }
    #expect(output.isHalf && !input.isHalf && output.dtype == .float32)
    #expect(options.run { output.relu() + output }.isHalf)
    #expect(options.run { output.maxPooled([2, 2]) }.isHalf)
    let floats = try output.floats()
    #expect(floats.allSatisfy { $0.bitPattern & 0xffff == 0 })
    #expect(!output.isHalf)
    // It still convolves as it did.
    let next = Self.normal([3, 6, 3, 3], 3)
    let again = options.run { input.convolved(weights) }
    #expect(try options.run { output.convolved(next) }.floats() == options.run { again.convolved(next) }.floats())
    #expect(!(input.convolved(weights).isHalf))
  }

  @Test("A view, a slice, a change in place and a joined result are those of float32 elements")
  func views() throws {
    let options = KernelOptions(precision: .bf16)
    func make() -> Tensor { options.run { Self.normal([2, 4, 5, 5], 1).convolved(Self.normal([6, 4, 2, 2], 2)) } }
    let plain = Tensor(try make().floats(), shape: [2, 6, 4, 4])
    #expect(try make()[1].floats() == plain[1].floats())
    #expect(try make()[0..<1].relu().floats() == plain[0..<1].relu().floats())
    #expect(try make().permuted([0, 2, 3, 1]).floats() == plain.permuted([0, 2, 3, 1]).floats())
    #expect(try make().sum([0, 2, 3]).floats() == plain.sum([0, 2, 3]).floats())
    let joined = Tensor.concatenate([make(), make()], axis: 1)
    #expect(try joined.floats() == Tensor.concatenate([plain, plain], axis: 1).floats())
    let changed = make()
    changed.addInPlace(make())
    #expect(changed.isHalf)
    let doubled = try (plain * 2).floats()
    #expect(try changed.floats() == doubled)
    changed.fill(2)
    #expect(try changed.sum().item() == Double(2 * changed.elementCount))
  }

  @Test("No sample, and a fault on the way")
  func edges() throws {
    let options = KernelOptions(precision: .bf16)
    let weights = Self.normal([6, 4, 3, 3], 2).requiringGradient()
    let none = options.run { Tensor.zeros([0, 4, 6, 6]).convolved(weights).relu() }
    #expect(try none.floats() == [] && none.shape == [0, 6, 4, 4])
    try none.sum().backward()
    #expect(try #require(weights.gradient).floats().allSatisfy { $0 == 0 })
    let misfit = options.run { Tensor.zeros([1, 3, 6, 6]).convolved(weights).relu().maxPooled([2, 2]) }
    #expect(throws: TensorError.self) { try misfit.floats() }
    let large = options.run { Tensor.full([1, 4, 3, 3], .infinity).convolved(weights) }
    #expect(try large.floats().allSatisfy { !$0.isFinite })
  }
}
