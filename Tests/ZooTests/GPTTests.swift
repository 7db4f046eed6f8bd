import Foundation
import Networks
import Tensors
import Testing

@testable import TestSupport
@testable import Zoo

/// A small GPT with PyTorch's logits, loss and gradients (`gpt_fixtures.py`).
struct GPTCase: Decodable, Sendable, CustomTestStringConvertible {
  let name: String
  let vocabulary, context, layers, heads, width: Int, bias: Bool
  let tokens, targets, logits: FixtureTensor, loss: Double
  let parameterNames: [String], parameters, gradients: [FixtureTensor]
  var testDescription: String { name }

  func make() throws -> GPT {
    let model = GPT(
      vocabulary: vocabulary, context: context, layers: layers, heads: heads, width: width, bias: bias)
    try model.load(Dictionary(uniqueKeysWithValues: zip(parameterNames, parameters.map { try $0.tensor() })))
    return model
  }
}

@Suite struct GPTTests {
  private func model(dropout: Double = 0, context: Int = 12) -> GPT {
    let model = GPT(vocabulary: 9, context: context, layers: 3, heads: 2, width: 12, dropout: dropout)
    model.initializeAll(seed: 4)
    // So that logits are far apart.
    for entry in model.namedParameters where entry.tensor.rank > 1 { entry.tensor.assign(entry.tensor.detached() * 20) }
    return model.evaluate() as GPT
  }

  @Test(arguments: try Fixture.load("gpt", GPTCase.self, in: .module)) func asPyTorch(_ fixture: GPTCase) throws {
    let model = try fixture.make()
    #expect(Set(model.namedParameters.map(\.name)) == Set(fixture.parameterNames))
    let tokens = try fixture.tokens.tensor()
    // Here all texts of a step lie behind each other.
    let logits = model(tokens).reshaped([tokens.shape[1], tokens.shape[0], fixture.vocabulary]).transposed(0, 1)
    try Fixture.expectNear(logits, fixture.logits, "logits", 1e-5, 1e-5)
    let targets = try fixture.targets.tensor().reshaped([-1])
    let loss = crossEntropy(logits.reshaped([-1, fixture.vocabulary]), targets, reduction: .sum)
    let distance = try abs(loss.item() - fixture.loss)
    #expect(distance < 1e-5 * fixture.loss)
    try loss.backward()
    let gradients = Dictionary(uniqueKeysWithValues: model.namedParameters.map { ($0.name, $0.tensor.gradient) })
    for (name, wanted) in zip(fixture.parameterNames, fixture.gradients) {
      let gradient = try #require(gradients[name] ?? nil)
      try Fixture.expectNear(gradient, wanted, name, 1e-4, 1e-5)
    }
  }

  /// The future is not looked at.
  @Test func causal() throws {
    let model = model()
    let text: [Int64] = [1, 5, 2, 8, 0, 3, 7]
    let logits = model(Tensor([text]))
    for place in text.indices {
      var other = text
      other[place] = (other[place] + 1) % 9
      let changed = try (model(Tensor([other])) .!= logits).to(.float32).sum(1).floats()
      #expect(changed[..<place].allSatisfy { $0 == 0 } && changed[place] > 0, "\(place)")
    }
  }

  /// With the cache or without, in whatever pieces: the same logits, to the bit.
  @Test(arguments: [[1, 1, 1, 1, 1, 1, 1], [7], [3, 1, 2, 1], [6, 1]]) func theCache(_ pieces: [Int]) throws {
    let model = model()
    let text = [1, 5, 2, 8, 0, 3, 7]
    let whole = model(Tensor([text.map(Int64.init)]))
    let reader = model.makeReader()
    var end = 0
    for piece in pieces {
      let logits = reader.read(Array(text[end..<end + piece]))
      end += piece
      let distance = try (logits - whole[end - 1]).abs().max().item()
      let bound = try 1e-5 * whole.abs().max().item()
      #expect(distance <= bound, "after \(end) tokens")
    }
  }

  /// A text longer than the context: each token comes of the `context` before it, as if the text began there.
  @Test func theWindowSlides() throws {
    let model = model(context: 4)
    let text = [3, 1, 4, 1, 5, 8, 2, 6, 5, 3, 0, 7, 7, 2]
    let reader = model.makeReader()
    var read = 0
    for end in [2, 3, 6, 7, 8, 10, 11, 12, 13, 14] {
      let logits = reader.read(Array(text[read..<end]))
      read = end
      let window = text[max(0, end - 4)..<end].map(Int64.init)
      let expected = model(Tensor([window]))[-1]
      let (distance, size) = try ((logits - expected).abs().max().item(), expected.abs().max().item())
      #expect(distance <= 1e-5 * size, "after \(end) tokens")
    }
    #expect(try model.generate(text, length: 5).count == 19)
    let long = model(Tensor([[1, 2, 3, 4, 5]]))
    #expect(long.fault.map { "\($0)" }?.contains("steps at most") == true)
  }

  @Test func nanoGPTsFirstWeights() throws {
    let model = GPT(vocabulary: 60, context: 32, layers: 2, heads: 2, width: 64, bias: true)
    model.initializeAll(seed: 1)
    for (name, tensor) in model.namedParameters {
      let values = try tensor.floats().map(Double.init)
      let deviation = (values.reduce(0) { $0 + $1 * $1 } / Double(values.count)).squareRoot()
      let wanted: Double =
        name.hasSuffix("bias") ? 0 : tensor.rank == 1 ? 1 : name.hasSuffix("c_proj.weight") ? 0.01 : 0.02
      #expect(abs(deviation - wanted) <= 0.05 * wanted, "\(name): \(deviation)")
    }
    #expect(
      model.namedParameters.map(\.name).prefix(3) == [
        "transformer.wte.weight", "transformer.wpe.weight", "transformer.h.0.ln_1.weight",
      ])
  }

  @Test func shapesThatDoNotFit() {
    let odd = GPT(vocabulary: 5, context: 4, layers: 1, heads: 3, width: 8)
    #expect(odd(Tensor([[1, 2]])).fault != nil)
    #expect(model()(Tensor([1, 2])).fault != nil)
    #expect(model()(Tensor([[1, 9]])).fault != nil)
  }
}
