import Foundation
import Networks
import Tensors
import Testing

@testable import TestSupport

/// Attention on given inputs, with PyTorch's outputs and gradients (`attention_fixtures.py`).
struct AttentionCase: Decodable, Sendable, CustomTestStringConvertible {
  let name, kind: String
  let hidden: Int
  let lengths: FixtureTensor?
  let inputs, outputs, projections, inputGradients: [FixtureTensor]
  let parameterNames: [String]
  let parameters, gradients: [FixtureTensor]
  var testDescription: String { name }
}

@Suite("Attention")
struct AttentionTests {
  @Test(
    "Values and all gradients are PyTorch's", arguments: try Fixture.load("attention", AttentionCase.self, in: .module))
  func fixture(_ fixture: AttentionCase) throws {
    let inputs = try fixture.inputs.map { try $0.tensor().requiringGradient() }
    let lengths = try fixture.lengths?.tensor()
    var parameters: [(name: String, tensor: Tensor)] = []
    let results: [Tensor]
    switch fixture.kind {
    case "additive":
      let layer = AdditiveAttention(
        keys: inputs[1].shape[2], queries: inputs[0].shape[2], hidden: fixture.hidden)
      parameters = layer.namedParameters
      try #require(parameters.map(\.name) == fixture.parameterNames)
      for (entry, value) in zip(parameters, fixture.parameters) { try entry.tensor.assign(value.tensor()) }
      let (output, weights) = layer.attend(inputs[0], inputs[1], inputs[2], lengths: lengths)
      results = [output, weights]
    case "dot":
      let (output, weights) = ScaledDotProductAttention().attend(
        inputs[0], inputs[1], inputs[2], lengths: lengths)
      results = [output, weights]
    default: results = [inputs[0].maskedSoftmax(lengths)]
    }
    try #require(results.count == fixture.outputs.count)
    var sum = Tensor(Float(0))
    for ((result, wanted), weight) in zip(zip(results, fixture.outputs), fixture.projections) {
      try Fixture.expectNear(result, wanted, "output", 1e-4, 1e-6)
      sum = try sum + (result * weight.tensor()).sum()
    }
    try sum.backward()
    for (input, wanted) in zip(inputs, fixture.inputGradients) {
      try Fixture.expectNear(#require(input.gradient), wanted, "gradient of an input", 1e-4, 1e-5)
    }
    for (entry, wanted) in zip(parameters, fixture.gradients) {
      try Fixture.expectNear(#require(entry.tensor.gradient), wanted, entry.name, 1e-4, 1e-5)
    }
  }

  @Test("Gradients are those of central differences")
  func differences() throws {
    let lengths = Tensor([Int64(0), 5, 2])
    let scores = try Layouts.normal([3, 2, 5])
    try checkGradient([scores], "masked softmax") { $0[0].maskedSoftmax(lengths) }
    try checkGradient([scores], "masked softmax by queries") {
      $0[0].maskedSoftmax(Tensor([[Int64(1), 5], [0, 3], [4, 2]]))
    }
    let (queries, keys, values) = (
      try Layouts.normal([3, 2, 4], seed: 1), try Layouts.normal([3, 5, 4], seed: 2),
      try Layouts.normal([3, 5, 3], seed: 3)
    )
    try checkGradient([queries, keys, values], "dot product") {
      ScaledDotProductAttention().attend($0[0], $0[1], $0[2], lengths: lengths).output
    }
    let (points, others, w) = (
      try Layouts.normal([4], seed: 4), try Layouts.normal([4, 3], seed: 5), try Layouts.normal([1], seed: 6)
    )
    let own = try Layouts.normal([4, 3], seed: 7)
    try checkGradient([points, others, own, w], "pooling") {
      NadarayaWatson.pool($0[0], $0[1], $0[2], w: $0[3]).output
    }
  }

  @Test("What does not count has no weight, and nothing it holds matters")
  func masks() throws {
    // The notes' shapes: equal keys, of which 2 and 6 count.
    let values = Tensor.arange(40, .float32).reshaped([1, 10, 4]).expanded(to: [2, 10, 4])
    let (keys, lengths) = (Tensor.ones([2, 10, 2]), Tensor([Int64(2), 6]))
    let additive = AdditiveAttention(keys: 2, queries: 20, hidden: 8, dropout: 0.1).evaluate()
    let first = additive.attend(
      .normal([2, 1, 20], key: RandomKey(seed: 1)), keys, values, lengths: lengths)
    let dot = ScaledDotProductAttention(dropout: 0.5).evaluate()
    let second = dot.attend(.normal([2, 1, 2], key: RandomKey(seed: 2)), keys, values, lengths: lengths)
    for (output, weights) in [first, second] {
      let wanted: [Float] = [2, 3, 4, 5, 10, 11, 12, 13]
      #expect(try zip(output.floats(), wanted).allSatisfy { abs($0 - $1) < 1e-4 })
      #expect(try weights[0, 0].floats()[2...].allSatisfy { $0 == 0 })
      #expect(try weights[1, 0].floats()[6...].allSatisfy { $0 == 0 })
    }
    let projected = additive.attend(
      .normal([2, 1, 20], key: RandomKey(seed: 1)), projectedKeys: additive.projected(keys: keys), values,
      lengths: lengths)
    #expect(try projected.output.floats() == first.output.floats())
    // In training some values are left out, but the weights are whole.
    dot.train()
    let dropped = dot.attend(.normal([2, 1, 2], key: RandomKey(seed: 2)), keys, values, lengths: lengths)
    #expect(try abs(dropped.weights.sum().item() - 2) < 1e-5)
  }

  @Test("Nadaraya-Watson pooling is its formula, and learns its width")
  func pooling() throws {
    let (queries, keys, values): ([Double], [Double], [Double]) = ([0, 0.7, -2], [0.1, 1, -1, 3], [2, -1, 0.5, 4])
    let layer = NadarayaWatson()
    #expect(layer.namedParameters.map(\.name) == ["w"] && layer.w.shape == [1])
    layer.initialize(RandomKey(seed: 3))
    let drawn = try layer.w.item()
    #expect((0..<1).contains(drawn))
    for w in [nil, 2.5] {
      layer.w.fill(w ?? 1)
      let (q, k, v) = (try tensor(queries), try tensor(keys), try tensor(values))
      let (output, weights) = w == nil ? NadarayaWatson.pool(q, k, v) : layer.attend(q, k, v)
      #expect(output.shape == [3] && weights.shape == [3, 4])
      for (query, found) in zip(queries, try output.values(as: Double.self)) {
        let shares = keys.map { exp(-pow((query - $0) * (w ?? 1), 2) / 2) }
        let wanted = zip(shares, values).reduce(0) { $0 + $1.0 * $1.1 } / shares.reduce(0, +)
        #expect(abs(found - wanted) < 1e-5)
      }
    }
    try layer.attend(tensor(queries), tensor(keys), tensor(values)).output.sum().backward()
    #expect(try #require(layer.w.gradient).item() != 0)
  }

  @Test("What does not fit is refused")
  func refusals() throws {
    let scores = Tensor.zeros([2, 3, 4])
    for lengths in [Tensor([Int64(1), 2, 3]), Tensor([[Int64(1), 2], [3, 4]])] {
      #expect(throws: TensorError.self) { try scores.maskedSoftmax(lengths).floats() }
    }
    #expect(throws: TensorError.self) { try Tensor.zeros([2, 3]).maskedSoftmax(Tensor([Int64(1), 2])).floats() }
    let dot = ScaledDotProductAttention()
    #expect(throws: TensorError.self) {
      try dot.attend(.zeros([2, 3, 4]), .zeros([2, 5, 3]), scores, lengths: nil).output.floats()
    }
    #expect(throws: TensorError.self) { try dot.attend(.zeros([3]), .zeros([3]), scores, lengths: nil).output.floats() }
    let additive = AdditiveAttention(keys: 2, queries: 3, hidden: 4)
    #expect(throws: TensorError.self) { try additive.attend(scores, scores, scores, lengths: nil).output.floats() }
    #expect(throws: TensorError.self) { try NadarayaWatson.pool(.zeros([2]), .zeros([3]), .zeros([4])).output.floats() }
    #expect(throws: TensorError.self) {
      try NadarayaWatson.pool(.zeros([2]), .zeros([3, 4]), .zeros([3, 4])).output.floats()
    }
  }

  private func tensor(_ values: [Double]) throws -> Tensor { Tensor(values.map { Float($0) }) }
}
