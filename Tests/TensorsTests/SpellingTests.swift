import Tensors
import Testing

@testable import TestSupport

@Suite("Spellings that people coming from PyTorch try first")
struct SpellingTests {
  @Test("Literals are float32 and int64; arrays that have a name keep their type")
  func literals() {
    #expect(
      Tensor([0.1]).dtype == .float32 && Tensor([1, 2, 3]).dtype == .int64 && Tensor([1, 2.5]).dtype == .float32)
    #expect(Tensor([[1, 2], [3, 4]]).dtype == .int64 && Tensor([[0.5], [1]]).dtype == .float32)
    #expect(Tensor(0.5).dtype == .float32 && Tensor(2).dtype == .int64 && Tensor([true]).dtype == .bool)
    let doubles: [Double] = [1, 2]
    #expect(Tensor(doubles).dtype == .float64 && Tensor([Int32(1)]).dtype == .int32)
    #expect(Tensor([0.5, 1]).linear(Tensor([[1.0, 2.0]]), nil).description == "[2.5]")
  }

  @Test("Numbers of any type on both sides")
  func numbers() throws {
    let x = Tensor([1.0, 2])
    let (n, half, narrow) = (2, 0.5, Float(3))
    #expect(try (x * n + half - narrow).floats() == [-0.5, 1.5] && (n * x / narrow).dtype == .float32)
    #expect(try (1 - x).floats() == [0, -1] && (half / x).floats() == [0.5, 0.25])
    #expect(try (x .!= 1).values() == [false, true] && (x .== n).values() == [false, true])
    // A number past 2⁵³ keeps its last digit beside integers.
    #expect(try (Tensor([0]) + ((1 << 53) + 1)).values(as: Int64.self) == [(1 << 53) + 1])
  }

  @Test("x += y, x[0] = y, zeros(dtype:)")
  func changes() throws {
    var x = Tensor.zeros([3], dtype: .float32)
    let before = x
    x += Tensor([1.0, 2, 3])
    x *= 2
    #expect(try x.floats() == [2, 4, 6] && before.floats() == [0, 0, 0])
    x[0] = Tensor(7)
    x[1...] -= 1
    #expect(try x.floats() == [7, 3, 5])
    #expect(Tensor.ones([2], dtype: .int32).dtype == .int32 && Tensor.arange(3, dtype: .float64).dtype == .float64)
    // A parameter stays the leaf that it is, and a loss that is added up stays recorded.
    var w = Tensor([1.0]).requiringGradient()
    let parameter = w
    var loss = Tensor(Float(0))
    for _ in 0..<3 { loss += (w * w).sum() }
    try loss.backward()
    withoutGradient { w -= 0.5 * (parameter.gradient ?? .empty) }
    #expect(try w === parameter && w.floats() == [-2])
  }

  @Test("Ranges count from the end with negative numbers, and never trap")
  func ranges() throws {
    let x = Tensor.arange(6)
    func values(_ tensor: Tensor) throws -> [Int64] { try tensor.values() }
    #expect(try values(x[1...]) == [1, 2, 3, 4, 5] && values(x[..<(-1)]) == [0, 1, 2, 3, 4])
    #expect(try values(x[-3...]) == [3, 4, 5] && values(x[0..<(-1)]) == [0, 1, 2, 3, 4])
    #expect(try values(x[1...(-2)]) == [1, 2, 3, 4] && values(x[...2]) == [0, 1, 2])
    let (named, end) = (1..<3, -2)
    #expect(try values(x[named]) == [1, 2] && values(x[2..<end]) == [2, 3])
    #expect(x[4..<2].description == "subscript: 4..<2 is outside of axis 0 of shape [6]")
    #expect(x[5..<(-3)].fault != nil && x[-9...].fault != nil)
  }

  @Test("A derivative is not recorded, and says so")
  func secondDerivative() throws {
    let x = Tensor([1.0, 2]).requiringGradient()
    try (x * x * x).sum().backward()
    let slope = try #require(x.gradient)
    let error = #expect(throws: TensorError.self) { try slope.sum().backward() }
    #expect(
      error?.description == "backward: this is made of derivatives, which are not recorded: there are no second ones")
  }

  @Test("Errors name what the user wrote")
  func names() {
    let (x, y) = (Tensor.ones([2]), Tensor.ones([3]))
    let names = [x + y, x - y, x * y, x / y, x.maximum(y), x.minimum(y)].map { $0.description.prefix { $0 != ":" } }
    #expect(names == ["sum", "difference", "product", "divide", "maximum", "minimum"])
  }
}

@Suite("Numbers as PyTorch has them")
struct NumericsAsInPyTorchTests {
  @Test("maximum and minimum keep a NaN of either side")
  func extrema() throws {
    let (x, y) = (Tensor([1.0, Float.nan, 2]), Tensor([Float.nan, 1, 3]))
    #expect(try x.maximum(y).floats().map(\.isNaN) == [true, true, false])
    #expect(try x.minimum(y).floats().map(\.isNaN) == [true, true, false])
    #expect(try x.maximum(y)[2].item() == 3 && x.minimum(y)[2].item() == 2)
  }

  @Test("The derivative of a running sum does not cancel, and long ones keep their digits")
  func runningSums() throws {
    let x = Tensor.ones([3]).requiringGradient()
    try x.cumulativeSum(0).backward(gradient: Tensor([1e8, 1, 1]))
    #expect(try x.gradient?.floats() == [1e8, 2, 1])
    let long = Tensor.full([1 << 20], 0.1).cumulativeSum(0)
    #expect(try abs(long[-1].item() - 104857.6) < 0.02)
    #expect(try Tensor([[1, 2], [3, 4]]).cumulativeSum(0).values(as: Int64.self) == [1, 2, 4, 6])
  }

  @Test("abs, sign, relu and clamped leave integers what they are")
  func integers() throws {
    let large: Int64 = (1 << 40) + 1
    let x = Tensor([-large, 5])
    #expect(try x.abs().values(as: Int64.self) == [large, 5] && x.relu().values(as: Int64.self) == [0, 5])
    #expect(try x.sign().values(as: Int64.self) == [-1, 1] && x.sign().dtype == .int64)
    #expect(try x.clamped(-Double(large), 3).values(as: Int64.self) == [-large, 3])
    #expect(try x.clamped(-.infinity, .infinity).values(as: Int64.self) == [-large, 5])
    #expect(x.clamped(0, 0.5).dtype == .float32)
    #expect(try Tensor([UInt8(200)]).abs().values(as: UInt8.self) == [200])
  }

  @Test("A scalar tensor of float64 does not widen float32")
  func scalarTypes() {
    let (x, wide) = (Tensor.ones([2]), Tensor.full([], 2, .float64))
    for result in [x * wide, wide + x, x / wide, x.maximum(wide), x.pow(wide)] { #expect(result.dtype == .float32) }
    #expect((x * Tensor.ones([1], .float64)).dtype == .float64 && (Tensor.arange(2) * wide).dtype == .float64)
    #expect((Tensor(1.0) * wide).dtype == .float64)
  }

  @Test("A value that backward needs was changed in place: an error, and no other change is one")
  func versions() throws {
    let x = Tensor([1.0, 2]).requiringGradient()
    let factor = Tensor([3.0, 4])
    let y = (x * factor).sum()
    factor.fill(0)
    let error = #expect(throws: TensorError.self) { try y.backward() }
    #expect(error?.description == "backward: a value that * needs was changed in place after it was used")
    let kept = x.exp()
    kept[0] = Tensor(9)
    #expect(throws: TensorError.self) { try kept.sum().backward() }
    // A sum needs neither operand, and a product not the one whose other has no derivative.
    let (a, b) = (Tensor([1.0]).requiringGradient(), Tensor([2.0]))
    let fine = (a * 3 + b).sum()
    withoutGradient { a.fill(8) }
    b.fill(8)
    try fine.backward()
    #expect(try a.gradient?.floats() == [3])
  }
}
