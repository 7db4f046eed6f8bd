import Kernels
import Tensors
import Testing

@testable import TestSupport

/// Functions of tensors are those that have the same bits everywhere, of either float type.
@Suite("Functions of tensors")
struct FunctionValuesTests {
  static let functions: [(ElementaryFunction, @Sendable (Tensor) -> Tensor)] = [
    (.exp, { $0.exp() }), (.log, { $0.log() }), (.tanh, { $0.tanh() }), (.sigmoid, { $0.sigmoid() }),
    (.sin, { $0.sin() }), (.cos, { $0.cos() }),
  ]

  @Test("Bits of float64, and of float32 by the native backend", arguments: functions.indices)
  func bits(_ index: Int) throws {
    let (function, operation) = Self.functions[index]
    let x = Tensor.normal([3, 67], standardDeviation: 3, key: RandomKey(seed: 1)).abs()
    let wide = try operation(x.to(.float64)).values(as: Double.self)
    #expect(try wide == x.values(as: Double.self).map(function.value))
    var wanted = try x.floats()
    try function.apply(x.floats(), into: &wanted, count: wanted.count)
    #expect(try KernelOptions(backend: .native).run { try operation(x).floats() } == wanted)
    // Across its memory as along it.
    let across = try KernelOptions(backend: .native).run { try operation(x.transposed()).transposed().floats() }
    #expect(across == wanted)
  }

  @Test("Powers of a number, of pairs and of stretched pairs are one function")
  func powers() throws {
    let x = Tensor.uniform([4, 33], 0.1, 9, key: RandomKey(seed: 2))
    for dtype in [DType.float32, .float64] {
      for exponent in [-1.5, 0.5, 3, 7] {
        let wanted = try x.to(dtype).pow(exponent).values(as: Double.self)
        let pairs = x.to(dtype).pow(Tensor.full([4, 33], exponent).to(dtype))
        let stretched = x.to(dtype).pow(Tensor.full([1], exponent).to(dtype))
        #expect(try pairs.values(as: Double.self) == wanted && stretched.values(as: Double.self) == wanted)
        if dtype == .float64 {
          #expect(try wanted == x.values(as: Double.self).map { Power.value($0, exponent) })
        }
      }
    }
    #expect(try Tensor([0, 1, 2, -8, 9] as [Float]).pow(0.5).floats()[4] == 3)
    #expect(try Tensor([2, -3] as [Float]).pow(3).floats() == [8, -27])
  }
}
