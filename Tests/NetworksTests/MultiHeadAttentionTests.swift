import Kernels
import Networks
import Tensors
import Testing

@testable import TestSupport

@Suite("Multi-head attention")
struct MultiHeadAttentionTests {
  private func normal(_ shape: Shape, _ seed: UInt64) -> Tensor { .normal(shape, key: RandomKey(seed: seed)) }

  private func distance(_ a: Tensor, _ b: Tensor) throws -> Double { try (a - b).abs().max().item() }

  @Test("Gradients are those of central differences")
  func differences() throws {
    let (q, k, v) = (normal([2, 2, 5, 4], 1), normal([2, 2, 7, 4], 2), normal([2, 2, 7, 3], 3))
    let (lengths, mask) = (Tensor([Int64(7), 3]), normal([2, 1, 1, 7], 4))
    for causal in [false, true] {
      try checkGradient([q, k, v], step: 1e-2, tolerance: 1e-3, "attention, causal \(causal)") {
        .attention(queries: $0[0], keys: $0[1], values: $0[2], causal: causal, lengths: lengths, mask: mask)
      }
    }
    try checkGradient([normal([2, 5, 12], 5)], step: 1e-2, tolerance: 1e-3, "heads side by side") {
      $0[0].selfAttention(heads: 2, causal: true)
    }
    for approximate in [false, true] {
      try checkGradient([try Layouts.normal([3, 7])], "GELU") { $0[0].gelu(approximate: approximate) }
    }
    try checkGradient([try Layouts.normal([3, 7])], "SiLU") { $0[0].transposed().silu() }
    let rows = [try Layouts.normal([4, 6]), try Layouts.normal([6], seed: 1), try Layouts.normal([6], seed: 2)]
    try checkGradient(rows, "layer norm") { $0[0].layerNorm([6], weight: $0[1], bias: $0[2]) }
    try checkGradient(rows.map { $0.to(.float32) }, step: 1e-2, tolerance: 1e-3, "layer norm of float32") {
      $0[0].layerNorm([6], weight: $0[1], bias: $0[2])
    }
    try checkGradient(Array(rows[..<2]), "RMS norm") { $0[0].rmsNorm([6], weight: $0[1]) }
  }

  @Test("The future has no influence on what is causal: neither its values nor its gradients")
  func future() throws {
    for (queries, keys) in [(6, 6), (3, 8), (50, 130)] {
      let (q, k, v) = (normal([1, 2, queries, 4], 1), normal([1, 2, keys, 4], 2), normal([1, 2, keys, 4], 3))
      let first = keys - queries + queries / 2
      func output(_ k: Tensor, _ v: Tensor) -> Tensor {
        .attention(queries: q, keys: k, values: v, causal: true)[.all, .all, ..<(queries / 2)]
      }
      let (other, otherValues) = (k.copy(), v.copy())
      other[.all, .all, first...] = .full([], 1000)
      otherValues[.all, .all, first...] = .full([], -1000)
      let same = try output(k, v).floats().map(\.bitPattern) == output(other, otherValues).floats().map(\.bitPattern)
      #expect(same, "\(queries) queries of \(keys)")
      // One step earlier is seen.
      other[.all, .all, first - 1] = .full([], 1000)
      #expect(try distance(output(k, v), output(other, otherValues)) > 0)
      let (leafK, leafV) = (k.copy().requiringGradient(), v.copy().requiringGradient())
      try output(leafK, leafV).sum().backward()
      for leaf in [leafK, leafV] {
        let gradient = try #require(leaf.gradient)
        #expect(try gradient[.all, .all, first...].abs().max().item() == 0)
        #expect(try gradient[.all, .all, first - 1].abs().max().item() > 0)
      }
    }
  }

  @Test("What lies side by side, in views or in rows of its own comes to the same bits")
  func layouts() throws {
    let packed = normal([2, 37, 3 * 20], 1).requiringGradient()
    let weights = normal([2, 37, 20], 2)
    let output = packed.selfAttention(heads: 2, causal: true)
    try (output * weights).sum().backward()
    let gradient = try #require(packed.gradient)
    let thirds = (0..<3).map { third in
      packed.detached()[.all, .all, (20 * third)..<(20 * third + 20)].reshaped([2, 37, 2, 10]).transposed(1, 2).copy()
        .requiringGradient()
    }
    let apart = Tensor.attention(queries: thirds[0], keys: thirds[1], values: thirds[2], causal: true)
    #expect(try apart.transposed(1, 2).reshaped([2, 37, 20]).floats() == output.floats())
    try (apart.transposed(1, 2).reshaped([2, 37, 20]) * weights).sum().backward()
    for (third, leaf) in thirds.enumerated() {
      let own = try #require(leaf.gradient).transposed(1, 2).reshaped([2, 37, 20])
      #expect(try own.floats() == gradient[.all, .all, (20 * third)..<(20 * third + 20)].floats())
    }
  }

  @Test("Step by step comes to the same as all at once, and weights add up")
  func cache() throws {
    let layer = MultiHeadAttention(8, heads: 2).evaluate()
    let steps = normal([3, 5, 8], 1)
    let whole = layer.attend(steps, after: nil).output
    let weights = try #require(layer.weights)
    #expect(weights.shape == [3, 2, 5, 5])
    #expect(try distance(weights.sum(-1), .ones([3, 2, 5])) < 1e-5)
    #expect(try weights[.all, .all, 1, 2...].abs().max().item() == 0)
    var past: KeysAndValues?
    for step in 0..<5 {
      let (output, all) = layer.attend(steps[.all, step..<step + 1], after: past)
      past = all
      #expect(try distance(output.squeezed(1), whole[.all, step]) < 1e-5)
      #expect(all.steps == step + 1)
    }
    // The sequences change their order, and so do their keys.
    let turned = try #require(past).rows([2, 0, 0])
    #expect(try turned.keys[1].floats() == past?.keys[0].floats())
    layer.train()
    _ = layer(steps)
    #expect(layer.weights == nil)
  }

  @Test("Dropout leaves weights out by sample, whoever computes; the mean stays")
  func dropout() throws {
    let (q, k) = (normal([2, 2, 30, 4], 1), normal([2, 2, 100, 4], 2))
    let values = Tensor.ones([2, 2, 100, 3])
    func attend(_ samples: [Int], _ rows: [Int], _ backend: BackendName = .native) -> Tensor {
      KernelOptions(backend: backend).run {
        ForwardScope.run(seed: 3, time: 1, samples: samples) {
          .attention(
            queries: q.selected(rows), keys: k.selected(rows), values: values.selected(rows), causal: true,
            dropout: 0.25)
        }
      }
    }
    let both = attend([7, 9], [0, 1])
    // A sample's own, wherever it is computed.
    #expect(try attend([9], [1]).floats() == both[1...].floats())
    #expect(try distance(attend([7, 9], [0, 1], .reference), both) < 1e-5)
    let mean = try both[.all, .all, 20...].mean().item()
    #expect(abs(mean - 1) < 0.05 && mean != 1)
    let leaves = [q, k, values].map { $0.copy().requiringGradient() }
    for backend in [BackendName.native, .reference] {
      try KernelOptions(backend: backend).run {
        try ForwardScope.run(seed: 3, time: 1, samples: [7, 9]) {
          let output = Tensor.attention(
            queries: leaves[0], keys: leaves[1], values: leaves[2] * normal([100, 3], 5), causal: true, dropout: 0.25)
          try (output * (backend == .native ? 1 : -1)).sum().backward()
        }
      }
    }
    // One taken from the other.
    for leaf in leaves { #expect(try #require(leaf.gradient).abs().max().item() < 1e-4) }
  }

  @Test("What does not fit is refused")
  func refusals() throws {
    let steps = Tensor.zeros([2, 3, 8])
    func expectFault(_ tensor: Tensor, _ text: String) {
      let error = #expect(throws: TensorError.self) { try tensor.check() }
      #expect(error?.description.contains(text) == true, "\(error?.description ?? "none")")
    }
    expectFault(MultiHeadAttention(8, heads: 3)(steps), "3 heads don't share evenly a width of 8")
    expectFault(steps.selfAttention(heads: 1), "needs [batch, steps, 3 · width]")
    let heads = Tensor.zeros([2, 2, 3, 4])
    func attend(_ lengths: Tensor? = nil, _ mask: Tensor? = nil, keys: Tensor? = nil, dropout: Double = 0) -> Tensor {
      .attention(queries: heads, keys: keys ?? heads, values: heads, lengths: lengths, mask: mask, dropout: dropout)
    }
    expectFault(attend(keys: .zeros([2, 2, 3, 5])), "needs queries, keys and values")
    expectFault(attend(keys: .zeros([2, 2, 4, 4])), "needs queries, keys and values")
    expectFault(attend(Tensor([Int64(1)])), "lengths of shape [1]")
    expectFault(attend(Tensor([Float(1), 2])), "not integers")
    expectFault(attend(nil, .zeros([2, 2, 3, 2])), "mask")
    expectFault(attend(nil, Tensor.zeros([3, 3]).requiringGradient()), "has no gradient")
    expectFault(attend(dropout: 1.5), "dropout 1.5")
    expectFault(Tensor.attention(queries: heads.to(.float64), keys: heads, values: heads), "float32")
    expectFault(LayerNorm(5)(steps), "over [5] of an input of shape [2, 3, 8]")
    expectFault(GroupNorm(3, 8)(.zeros([2, 8])), "3 groups don't divide")
    expectFault(PositionalEncoding(4)(steps), "needs [batch, steps, 4]")
    expectFault(LearnedPositions(2, 8)(steps), "there are 2, too few")
    expectFault(RotaryPositions(3)(.zeros([1, 1, 2, 3])), "even width")
    // Lengths from outside can be anything.
    let odd = attend(Tensor([Int64.max, Int64.min]))
    #expect(try odd.floats().allSatisfy { $0 == 0 })
    for shape in [[0, 2, 3, 4], [2, 0, 3, 4], [2, 2, 0, 4]] {
      let none = Tensor.zeros(Shape(shape)).requiringGradient()
      let output = Tensor.attention(queries: none, keys: none, values: none)
      #expect(try output.floats().isEmpty)
      try output.sum().backward()
    }
  }
}
