import Lockstep
import Testing

@testable import TestSupport

final class Perceptron: Module {
  let hidden = Linear(784, 256), output = Linear(256, 10)
  override func forward(_ input: Tensor) -> Tensor { output(hidden(input.flattened()).relu()) }
}

/// Normalises the last axis: `[…, width]` to the same shape.
final class LayerNorm: Module {
  let weight, bias: Parameter

  init(_ width: Int) {
    (weight, bias) = (.parameter([width]), .parameter([width]))
    super.init()
    weight.fill(1)
  }

  override func initialize(_ key: RandomKey) {
    weight.fill(1)
    bias.fill(0)
  }

  override func forward(_ input: Tensor) -> Tensor {
    let centred = input - input.mean(-1, keepingAxes: true)
    let variance = centred.pow(2).mean(-1, keepingAxes: true)
    return centred / (variance + 1e-5).sqrt() * weight + bias
  }
}

/// Causal self-attention and two layers, each added to its input: `[batch, steps, width]` to the same shape.
final class Block: Module {
  let heads: Int
  let norm1, norm2: LayerNorm
  let query, key, value, joined, widen, narrow: Linear

  init(width: Int, heads: Int) {
    self.heads = heads
    (norm1, norm2) = (LayerNorm(width), LayerNorm(width))
    (query, key, value) = (Linear(width, width), Linear(width, width), Linear(width, width))
    (joined, widen, narrow) = (Linear(width, width), Linear(width, 4 * width), Linear(4 * width, width))
  }

  override func forward(_ input: Tensor) -> Tensor {
    let attended = input + attention(norm1(input))
    return attended + narrow(widen(norm2(attended)).relu())
  }

  /// `[batch, steps, width]` to the same shape.
  private func attention(_ x: Tensor) -> Tensor {
    let (batch, steps, width) = (x.shape[0], x.shape[1], x.shape[2])
    func split(_ x: Tensor) -> Tensor { x.reshaped([batch, steps, heads, width / heads]).transposed(1, 2) }
    let scores = split(query(x)).matmul(split(key(x)).transposed()) / Double(width / heads).squareRoot()
    let places = Tensor.arange(steps)
    let isAhead = (places.unsqueezed(0) > places.unsqueezed(1)).to(.float32)
    let weights = (scores - isAhead * 1e9).softmax()
    return joined(weights.matmul(split(value(x))).transposed(1, 2).reshaped([batch, steps, width]))
  }
}

/// Weights of attention, `[batch, heads, queries, keys]` as the scores, 0 for keys that are padding: 0 in the tokens
/// `[batch, keys]`.
func weights(_ scores: Tensor, of tokens: Tensor) -> Tensor {
  let isPadding = (tokens .== 0).unsqueezed(1).unsqueezed(1)  // [batch, 1, 1, keys]
  return Tensor.full([], -1e9).chosen(where: isPadding, else: scores).softmax()
}

/// The article's code, and that it does what is said of it.
/// Characters by their embeddings, through a GRU.
final class Speaker: Module, SequenceModel {
  let embedding: Embedding, rnn = Recurrent(.gru, 32, 64), output: Linear

  init(vocabulary: Int) {
    (embedding, output) = (Embedding(vocabulary, 32), Linear(64, vocabulary))
  }

  func beginState(batch: Int) -> [Tensor] { [.zeros([1, batch, 64])] }

  func run(_ tokens: Tensor, from state: [Tensor]?) -> (logits: Tensor, state: [Tensor]) {
    let begin = (state ?? beginState(batch: tokens.shape[0]))[0]
    let (outputs, last) = rnn.run(embedding(tokens.transposed()), from: RecurrentState(hidden: begin))
    return (output(outputs.reshaped([-1, 64])), [last.hidden])
  }
}

@Suite struct WritingAModelTests {
  /// From its registry's entry to a lower perplexity.
  @Test func aLanguageModel() throws {
    let entry = ModelEntry("speaker", .language, inputShape: [35]) { Speaker(vocabulary: $0.vocabulary) }
    var sizes = entry.sizes
    sizes.vocabulary = 7
    let text = try TextDataset((0..<2000).map { Int32($0 * $0 % 11 % 7) }, steps: 35, sampling: .sequential)
    var configuration = entry.recipe
    (configuration.epochs, configuration.batchSize, configuration.learningRate) = (20, 8, 1)
    let trainer = try Trainer(drawing: entry.make(sizes), LanguageModelling(), configuration)
    let evaluator = Evaluator(trainer.model, LanguageModelling(), trainer.strategy.sharding, .alone)
    let before = try evaluator.evaluate(text).perplexity
    try trainer.fit(text)
    let after = try evaluator.evaluate(text).perplexity
    #expect(before > 6 && after < 2.5, "\(before) \(after)")
  }

  @Test func perceptron() throws {
    let model = Perceptron()
    #expect(model.namedParameters.map(\.name) == ["hidden.weight", "hidden.bias", "output.weight", "output.bias"])
    #expect(try model(Tensor.ones([2, 1, 28, 28])).floats().count == 20)
  }

  @Test func withoutAClass() throws {
    let lenet = Sequential(
      Conv2D(1, 6, kernel: 5, padding: 2), Sigmoid(), AvgPool2D(2), Conv2D(6, 16, kernel: 5), Sigmoid(), AvgPool2D(2),
      Flatten(), Linear(400, 120), Sigmoid(), Linear(120, 84), Sigmoid(), Linear(84, 10))
    let logits = lenet(Tensor.ones([2, 1, 28, 28]))  // [2, 10]
    #expect(try logits.floats().count == 20)
    #expect(logits.shape == [2, 10])
  }

  @Test func faultsTravel() {
    let wrong = Perceptron()(Tensor.ones([2, 783])) * 2 + 1
    print(wrong.fault == nil)  // false
    do { print(try wrong.floats()) } catch { print(error) }  // names linear, [2, 783] and [256, 784]
    let words = message { _ = try wrong.floats() } ?? ""
    for word in ["linear", "[2, 783]", "[256, 784]"] { #expect(words.contains(word), "\(words)") }
  }

  @Test func layerNormalisation() throws {
    let rows = try LayerNorm(4)(Tensor([[1.0, 2, 3, 4], [-10, 0, 10, 20]])).values(as: Float.self)
    for row in [rows.prefix(4), rows.suffix(4)] {
      #expect(abs(row.reduce(0, +)) < 1e-5 && abs(row.reduce(0) { $0 + $1 * $1 } - 4) < 1e-3)
    }
    try checkGradient([Layouts.normal([3, 5], .float32)], step: 1e-2, tolerance: 1e-3) { LayerNorm(5)($0[0]) }
  }

  @Test func blockOfATransformer() throws {
    let blocks = Sequential(Block(width: 32, heads: 4), Block(width: 32, heads: 4))
    let transformer = Sequential(Embedding(28, 32), blocks, Linear(32, 28))
    let scores = transformer(Tensor.zeros([2, 10], .int64))  // [2, 10, 28]
    #expect(scores.shape == [2, 10, 28])
    #expect(try scores.floats().allSatisfy(\.isFinite))
    try transformer.validate()
    try scores.sum().backward()
    #expect(transformer.namedParameters.allSatisfy { $0.tensor.gradient != nil })
    #expect(transformer.namedParameters.contains { $0.name == "1.0.norm1.weight" })
  }

  @Test func paddingHasNoWeight() throws {
    let found = weights(Tensor.zeros([2, 1, 3, 3]), of: Tensor([[5, 0, 0], [7, 8, 0]]))
    #expect(found.shape == [2, 1, 3, 3])
    for query in 0..<3 {
      #expect(try found[0, 0, query].floats() == [1, 0, 0])
      #expect(try found[1, 0, query].floats() == [0.5, 0.5, 0])
    }
  }

  /// As the article says: what only a closure holds is not found.
  @Test func aClosureCannotBeLookedInto() throws {
    final class Hiding: Module {
      private let layer: (Tensor) -> Tensor
      override init() {
        let hidden = Linear(2, 2)
        layer = { hidden($0) }
        super.init()
      }
      override func forward(_ input: Tensor) -> Tensor { layer(input) }
    }
    try Hiding().validate()
    #expect(Hiding().namedParameters.isEmpty)
  }

  /// What comes later changes nothing before it.
  @Test func attentionIsCausal() throws {
    let block = Block(width: 8, heads: 2)
    let input = try Layouts.normal([1, 5, 8], .float32)
    let changed = input.copy()
    changed[0, 4].fill(3)
    let (before, after) = (block(input), block(changed))
    #expect(try before[0, ..<4].values(as: Float.self) == after[0, ..<4].values(as: Float.self))
    #expect(try before[0, 4].values(as: Float.self) != after[0, 4].values(as: Float.self))
  }
}
