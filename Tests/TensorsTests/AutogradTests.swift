import Tensors
import Testing

@testable import TestSupport

@Suite("Automatic differentiation, as in the book's chapter 2.5")
struct AutogradTests {
  private static func leaf() throws -> Tensor { Tensor.arange(0, 4).requiringGradient() }
  private static func gradient(_ x: Tensor) throws -> [Float] { try #require(x.gradient).floats() }

  @Test("y = 2 xᵀx has the gradient 4 x")
  func quadratic() throws {
    let x = try Self.leaf()
    #expect(x.gradient == nil)
    let y = 2 * x.dot(x)
    #expect(try y.item() == 28)
    try y.backward()
    #expect(try Self.gradient(x) == [0, 4, 8, 12])
  }

  @Test("Gradients accumulate until they are cleared")
  func accumulation() throws {
    let x = try Self.leaf()
    try x.sum().backward()
    #expect(try Self.gradient(x) == [1, 1, 1, 1])
    try (2 * x.dot(x)).backward()
    #expect(try Self.gradient(x) == [1, 5, 9, 13])
    x.gradient = nil
    try (x * x).sum().backward()
    #expect(try Self.gradient(x) == [0, 2, 4, 6])
  }

  @Test("A detached tensor counts as constant; what it came from can still be differentiated")
  func detaching() throws {
    let x = try Self.leaf()
    let y = x * x
    let u = y.detached()
    try (u * x).sum().backward()
    #expect(try Self.gradient(x) == [0, 1, 4, 9])
    x.gradient = nil
    try y.sum().backward()
    #expect(try Self.gradient(x) == [0, 2, 4, 6])
  }

  @Test("Control flow: f(a) / a is the gradient of the book's f")
  func controlFlow() throws {
    let a = Tensor(Float(1.0685)).requiringGradient()
    var b = a * 2
    while try b.norm().item() < 1000 { b = b * 2 }
    let d = try b.sum().item() > 0 ? b : 100 * b
    try d.backward()
    #expect(try a.gradient?.item() == d.item() / a.item())
  }

  @Test("Backward needs a scalar, and says so with the shape")
  func nonScalar() throws {
    let x = try Self.leaf()
    let error = #expect(throws: TensorError.self) { try (x * x).backward() }
    #expect(error?.description == "backward: needs a scalar, but shape is [4]: reduce it first, by sum() say")
    try (x * x).backward(gradient: .ones([4]))
    #expect(try Self.gradient(x) == [0, 2, 4, 6])
    let mismatch = #expect(throws: TensorError.self) { try (x * x).backward(gradient: .ones([3])) }
    #expect(mismatch?.description.contains("[3]") == true && mismatch?.description.contains("[4]") == true)
    let wrong = #expect(throws: TensorError.self) { try (x * x).backward(gradient: .ones([4], .int64)) }
    #expect(wrong?.description.contains("int64") == true)
  }

  @Test("A second backward is an error unless the graph was kept")
  func twice() throws {
    let x = try Self.leaf()
    let y = (x * x).sum()
    try y.backward(keepingGraph: true)
    try y.backward()
    #expect(try Self.gradient(x) == [0, 4, 8, 12])
    let error = #expect(throws: TensorError.self) { try y.backward() }
    #expect(error?.description.contains("freed by an earlier backward") == true)
    #expect(try Self.gradient(x) == [0, 4, 8, 12])
  }

  @Test("A freed part of a graph is found before any gradient changes")
  func partlyFreed() throws {
    let (x, other) = (try Self.leaf(), try Self.leaf())
    let shared = x * x
    try shared.sum().backward()
    let again = (shared * other).sum()
    #expect(throws: TensorError.self) { try again.backward() }
    #expect(other.gradient == nil)
    #expect(try Self.gradient(x) == [0, 2, 4, 6])
  }

  @Test("Nothing is recorded without gradient")
  func withoutRecording() throws {
    let x = try Self.leaf()
    let y = withoutGradient { (x * x).sum() }
    let error = #expect(throws: TensorError.self) { try y.backward() }
    #expect(error?.description == "backward: nothing that requires a gradient led to this tensor")
    try (x * 3).sum().backward()
    #expect(try Self.gradient(x) == [3, 3, 3, 3])
  }

  @Test("A tensor used twice, diamonds, and leaves without gradient")
  func sharing() throws {
    let (x, constant) = (try Self.leaf(), Tensor.arange(0, 4))
    try (x * x * x + x).sum().backward()
    #expect(try Self.gradient(x) == [1, 4, 13, 28])
    x.gradient = nil
    let root = x * 2
    let (left, right) = (root.sin(), root * constant)
    try (left * right + right).sum().backward()
    let wanted = [0, 1, 2, 3].map { (v: Double) -> Double in
      let (s, c) = (_sin(2 * v), _cos(2 * v))
      return 2 * (c * 2 * v * v + s * v + v)
    }
    for (mine, theirs) in zip(try Self.gradient(x), wanted) { #expect(abs(Double(mine) - theirs) < 1e-4) }
    #expect(constant.gradient == nil)
  }

  @Test("Only floats and leaves can require gradients")
  func requirements() throws {
    #expect(throws: TensorError.self) { try Tensor.arange(3).requiringGradient().check() }
    let x = try Self.leaf()
    #expect(throws: TensorError.self) { try (x * 2).requiringGradient().check() }
  }

  @Test("A leaf is told once, when its gradient is complete")
  func ready() throws {
    let (x, weight) = (try Self.leaf(), try Self.leaf())
    var order: [(Tensor, [Float])] = []
    try ((x * weight).sum() + weight.sum()).backward { order.append(($0, try $0.gradient?.floats() ?? [])) }
    #expect(order.count == 2)
    #expect(order.first { $0.0 === weight }?.1 == [1, 2, 3, 4])
    #expect(order.first { $0.0 === x }?.1 == [0, 1, 2, 3])
  }

  @Test("Backward from a leaf itself")
  func fromLeaf() throws {
    let x = Tensor(Float(3)).requiringGradient()
    var isTold = false
    try x.backward { _ in isTold = true }
    #expect(try x.gradient?.item() == 1 && isTold)
  }

  @Test("200,000 operations in a chain overflow no stack, with backward and without")
  func longChain() throws {
    let x = Tensor(Float(1)).requiringGradient()
    for isDifferentiated in [false, true] {
      var y = x
      for _ in 0..<200_000 { y = y + x.detached() }
      if isDifferentiated { try y.backward() }
    }
    #expect(try x.gradient?.item() == 1)
  }

  private func _sin(_ x: Double) -> Double { (try? Tensor(x).sin().item()) ?? .nan }
  private func _cos(_ x: Double) -> Double { (try? Tensor(x).cos().item()) ?? .nan }
}

@Suite("Sums of gradients change nothing that someone else sees")
struct GradientOwnershipTests {
  @Test("x + x, and the user's own gradient stays")
  func usersGradient() throws {
    let x = Tensor.ones([3]).requiringGradient()
    let given = Tensor([Float(1), 2, 3])
    try (x + x).backward(gradient: given)
    #expect(try x.gradient?.floats() == [2, 4, 6])
    #expect(try given.floats() == [1, 2, 3])
    try x.backward(gradient: given)
    x.gradient?.fill(0)
    #expect(try given.floats() == [1, 2, 3])
  }

  @Test("One derivative handed to two leaves becomes two gradients")
  func twoLeaves() throws {
    let (a, b) = (Tensor.ones([2, 3]).requiringGradient(), Tensor.ones([2, 3]).requiringGradient())
    try (a + b).sum().backward()
    a.gradient?.fill(5)
    #expect(try b.gradient?.floats() == [1, 1, 1, 1, 1, 1])
  }

  @Test("Gradients are contiguous memory of their own, from expanded and transposed derivatives too")
  func layout() throws {
    let a = Tensor.ones([2, 3]).requiringGradient()
    try a.transposed().sum(0).sum().backward()
    #expect(a.gradient?.isContiguous == true)
    try a.gradient?.withFloats { $0[0] = 7 }
    #expect(try a.gradient?.floats() == [7, 1, 1, 1, 1, 1])
  }

  @Test("A gradient that was read stays as it was when more is added")
  func earlierGradient() throws {
    let x = Tensor.ones([3]).requiringGradient()
    try x.sum().backward()
    let before = try #require(x.gradient)
    let view = before[0..<2]
    try (x * 4).sum().backward()
    #expect(try before.floats() == [1, 1, 1] && view.floats() == [1, 1])
    #expect(try x.gradient?.floats() == [5, 5, 5])
  }

  @Test("Views of one tensor, and a tensor joined with itself")
  func views() throws {
    let x = Tensor.arange(0, 4).requiringGradient()
    try (x[0..<2] * x[2..<4] + x[1..<3]).sum().backward()
    #expect(try x.gradient?.floats() == [2, 4, 1, 1])
    x.gradient = nil
    let weights = Tensor.arange(0, 12)
    try (Tensor.concatenate([x, x, x]) * weights).sum().backward()
    #expect(try x.gradient?.floats() == [12, 15, 18, 21])
  }

  @Test("Parameters of float64 and float32 in one sum keep their types")
  func mixedTypes() throws {
    let (single, double) = (
      Tensor.ones([2]).requiringGradient(), Tensor.ones([2], .float64).requiringGradient()
    )
    try (single * double + Tensor.concatenate([single[0..<1], double[1..<2]])).sum().backward()
    #expect(single.gradient?.dtype == .float32 && double.gradient?.dtype == .float64)
    #expect(try single.gradient?.floats() == [2, 1] && double.gradient?.floats() == [1, 2])
  }
}
