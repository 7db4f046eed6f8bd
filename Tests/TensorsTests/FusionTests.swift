import Testing

@testable import Tensors
@testable import TestSupport

@Suite("Fusion is invisible: a ReLU joins the kernel before it, and nobody can tell but by the clock")
struct FusionTests {
  private static let key = RandomKey(seed: 5)
  private static func input() -> Tensor { .normal([2, 3, 7, 7], key: key).requiringGradient() }
  private static func weights() -> Tensor {
    var other = key
    other.layer = 1
    return .normal([4, 3, 3, 3], key: other).requiringGradient()
  }

  /// The output and the derivatives of input and weights.
  private static func figures(_ function: (Tensor, Tensor) -> Tensor) throws -> [[Float]] {
    let (x, w) = (input(), weights())
    let y = function(x, w)
    try (y * y).sum().backward()
    return [try y.floats(), try #require(x.gradient).floats(), try #require(w.gradient).floats()]
  }

  @Test("A convolution joined and one that was looked at first give the same bits")
  func convolution() throws {
    let joined = try Self.figures { $0.convolved($1).relu() }
    let looked = try Self.figures { x, w in
      let y = x.convolved(w)
      _ = try? y.floats()
      return y.relu()
    }
    #expect(joined == looked && joined[0].contains(0) && joined[0].contains { $0 > 0 })
  }

  @Test(
    "A pooling that joins both gives the same bits, overlapping or not, and the images between them are never there",
    arguments: [(2, 2, 0), (3, 2, 1), (3, 1, 1), (5, 5, 0)])
  func pooling(kernel: Int, stride: Int, padding: Int) throws {
    let sides = ([kernel, kernel], [stride, stride], [padding, padding])
    var between: Tensor?
    let joined = try Self.figures { x, w in
      let y = x.convolved(w, padding: [1, 1]).relu()
      between = y
      return y.maxPooled(sides.0, stride: sides.1, padding: sides.2)
    }
    #expect(between?.storage.debt != nil)
    let looked = try Self.figures { x, w in
      let y = x.convolved(w, padding: [1, 1]).relu()
      _ = try? y.floats()
      return y.maxPooled(sides.0, stride: sides.1, padding: sides.2)
    }
    #expect(joined == looked && joined[0].contains { $0 > 0 })
    // Whoever looks at them all the same finds them.
    let (x, w) = (Self.input(), Self.weights())
    #expect(try between?.floats() == x.convolved(w, padding: [1, 1]).relu().floats())
  }

  @Test("A result that is pooled and added has the derivatives of both")
  func pooledAndAdded() throws {
    let (x, w) = (Self.input(), Self.weights())
    func derivatives(looks: Bool) throws -> [Float] {
      w.gradient = nil
      let y = x.convolved(w).relu()
      if looks { _ = try y.floats() }
      try (y.maxPooled([2, 2]).sum() + y.sum()).backward()
      return try #require(w.gradient).floats()
    }
    let (joined, looked) = (try derivatives(looks: false), try derivatives(looks: true))
    for (mine, theirs) in zip(joined, looked) { #expect(abs(mine - theirs) <= 1e-3 * (1 + abs(theirs))) }
  }

  @Test("Normalisation too, in training and with given statistics")
  func normalization() throws {
    let (weight, bias) = (Tensor.full([3], 1.5), Tensor.full([3], 0.1))
    let ofBatch = try [false, true].map { isLooked in
      try Self.figures { x, w in
        let y = x.batchNormalized(weight, bias).output
        if isLooked { _ = try? y.floats() }
        return y.relu().convolved(w)
      }
    }
    let given = try [false, true].map { isLooked in
      try Self.figures { x, w in
        let y = x.normalized(mean: .zeros([3]), variance: .ones([3]), weight, bias)
        if isLooked { _ = try? y.floats() }
        return y.relu().convolved(w)
      }
    }
    // Derivatives through the ReLU are summed in another order where it joined.
    for pair in [ofBatch, given] {
      #expect(pair[0][0] == pair[1][0])
      for (mine, theirs) in zip(pair[0][1], pair[1][1]) { #expect(abs(mine - theirs) <= 1e-3 * (1 + abs(theirs))) }
    }
  }

  @Test("What is owed serves many: a ReLU, a sum with what it came from, a view")
  func shared() throws {
    let (x, w) = (Self.input(), Self.weights())
    let y = x.convolved(w)
    let positive = y.relu()
    let sum = positive + y
    let plain = try y.floats()
    #expect(try positive.floats() == plain.map { max($0, 0) })
    #expect(try sum.floats() == plain.map { max($0, 0) + $0 })
    try sum.sum().backward()
    let gradient = try #require(w.gradient).floats()
    w.gradient = nil
    try (x.convolved(w).copied().relu() + x.convolved(w)).sum().backward()
    #expect(try zip(gradient, #require(w.gradient).floats()).allSatisfy { abs($0 - $1) <= 1e-3 * (1 + abs($1)) })
    #expect(try x.convolved(w).detached().relu().floats() == positive.floats())
    #expect(try x.convolved(w)[0].relu().floats() == positive[0].floats())
  }

  @Test("A detached result stays cut off, and one that was not recorded is not recorded by its ReLU")
  func recording() throws {
    let (x, w) = (Self.input(), Self.weights())
    #expect(throws: TensorError.self) { try x.convolved(w).detached().relu().sum().backward() }
    let quiet = withoutGradient { x.convolved(w) }
    #expect(throws: TensorError.self) { try quiet.relu().sum().backward() }
    let recorded = x.convolved(w)
    let cut = withoutGradient { recorded.relu() }
    #expect(throws: TensorError.self) { try cut.sum().backward() }
    try recorded.relu().sum().backward()
    #expect(w.gradient != nil)
  }

  @Test("A change in place comes after what was written before it")
  func order() throws {
    let (x, w) = (Self.input().detached(), Self.weights().detached())
    let wanted = try x.convolved(w).floats()
    let owed = x.convolved(w)
    x.fill(0)
    #expect(try owed.floats() == wanted)
    let again = Self.input().detached().convolved(w)
    try w.withFloats { $0.update(repeating: 0) }
    #expect(try again.floats() == wanted)
  }
}

extension Tensor {
  fileprivate func copied() -> Tensor { self + 0 }
}
