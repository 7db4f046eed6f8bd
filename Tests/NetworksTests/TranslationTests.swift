import Networks
import Tensors
import Testing

@testable import TestSupport

/// An encoder and a decoder on given tokens, with PyTorch's logits, masked loss and gradients (`translation_fixtures.py`).
struct TranslationCase: Decodable, Sendable, CustomTestStringConvertible {
  let name: String
  let hasAttention: Bool
  let width, hidden, layers: Int
  let source, sourceLengths, inputs, targets, lengths, logits: FixtureTensor
  let loss: Double
  let parameterNames: [String]
  let parameters, gradients: [FixtureTensor]
  var testDescription: String { name }

  func make() -> EncoderDecoder {
    let encoder = Seq2SeqEncoder(vocabulary: 6, width: width, hidden: hidden, layers: layers)
    let decoder =
      hasAttention
      ? AttentionDecoder(vocabulary: 7, width: width, hidden: hidden, layers: layers)
      : Seq2SeqDecoder(vocabulary: 7, width: width, hidden: hidden, layers: layers)
    return EncoderDecoder(encoder, decoder)
  }
}

@Suite("Encoder-decoders")
struct TranslationTests {
  @Test(
    "Logits, masked loss and all gradients are PyTorch's",
    arguments: try Fixture.load("translation", TranslationCase.self, in: .module))
  func fixture(_ fixture: TranslationCase) throws {
    let network = fixture.make()
    #expect(network.namedParameters.map(\.name).sorted() == fixture.parameterNames.sorted())
    for (name, value) in zip(fixture.parameterNames, fixture.parameters) {
      try #require(network.tensor(named: name)).assign(value.tensor())
    }
    let logits = try network.logits(
      source: fixture.source.tensor(), lengths: fixture.sourceLengths.tensor(), inputs: fixture.inputs.tensor())
    try Fixture.expectNear(logits, fixture.logits, "logits", 1e-4, 1e-5)
    let loss = try maskedCrossEntropy(
      logits, fixture.targets.tensor(), lengths: fixture.lengths.tensor(), reduction: .sum)
    #expect(abs(try loss.item() - fixture.loss) < 1e-4 * max(1, fixture.loss))
    try loss.backward()
    for (name, wanted) in zip(fixture.parameterNames, fixture.gradients) {
      let gradient = network.tensor(named: name)?.gradient ?? .zeros(Shape(wanted.shape))
      try Fixture.expectNear(gradient, wanted, name, 1e-4, 1e-5)
    }
  }

  @Test("Decoding word by word comes to the same as all at once", arguments: [false, true])
  func stepByStep(hasAttention: Bool) throws {
    let encoder = Seq2SeqEncoder(vocabulary: 6, width: 3, hidden: 4, layers: 2)
    let decoder =
      hasAttention
      ? AttentionDecoder(vocabulary: 7, width: 3, hidden: 4, layers: 2)
      : Seq2SeqDecoder(vocabulary: 7, width: 3, hidden: 4, layers: 2)
    let encoding = encoder.encode(Tensor([[Int64(1), 2, 5], [4, 3, 0]]), lengths: Tensor([Int64(3), 2]))
    let inputs = Tensor([[Int64(2), 6, 1], [2, 3, 5]])
    var state = decoder.begin(encoding)
    let whole = decoder.decode(inputs, &state)
    var again = decoder.begin(encoding)
    for step in 0..<3 {
      let logits = decoder.decode(inputs[0..., step..<step + 1], &again)
      #expect(try (logits[0] - whole[step]).abs().max().item() < 1e-5)
    }
    #expect(decoder.attentionWeights.count == (hasAttention ? 1 : 0))
    if hasAttention { #expect(try decoder.attentionWeights[0].values(as: Double.self)[5] == 0) }
  }

  @Test("Steps behind a sentence's end cost nothing and have no gradient")
  func mask() throws {
    // The notes' example: lengths 4, 2 and 0 of uniform logits over 10 words.
    let logits = Tensor.ones([4, 3, 10]).requiringGradient()
    let labels = Tensor.ones([3, 4], .int64)
    let lengths = Tensor([Int64(4), 2, 0])
    let means = try maskedCrossEntropy(logits, labels, lengths: lengths, reduction: .none).mean([1]).floats()
    #expect(zip(means, [2.3026, 1.1513, 0]).allSatisfy { abs($0 - $1) < 1e-4 })
    let mean = maskedCrossEntropy(logits, labels, lengths: lengths)
    #expect(abs(try mean.item() - 2.302585) < 1e-5)
    try mean.backward()
    let gradient = try #require(logits.gradient)
    #expect(try gradient[0..., 2].abs().max().item() == 0)
    #expect(try gradient[2..<4, 1].abs().max().item() == 0)
    #expect(try gradient[3, 0].abs().max().item() > 0)
  }
}
