import Foundation
import Lockstep

/// The notes' `load_data_time_machine`: the first 10,000 characters of the book, to be taken in sequences of 35.
struct Characters {
  let corpus: [Int]
  let vocabulary: Vocabulary
  /// Whether results can be those of the notes.
  let isWhole: Bool
  let steps = 35
  /// 32 sequences, or as many as a short text has twice.
  let batchSize: Int
  private let sequential, random: TextDataset
  private let words: Set<String>

  init(_ page: Page) throws {
    let book = try TimeMachine(page)
    let text = try TextConverter.timeMachine(source: book.path, kind: .char).tokenize().text
    corpus = text.tokens.prefix(10_000).map(Int.init)
    (vocabulary, isWhole) = (text.vocabulary, book.isWhole)
    batchSize = min(32, corpus.count / (2 * (steps + 1)))
    let numbers = corpus.map { Int32($0) }
    sequential = try TextDataset(numbers, steps: steps, sampling: .sequential)
    random = try TextDataset(numbers, steps: steps, sampling: .random)
    words = Set(tokenize(book.lines(), .word).joined())
  }

  /// The same for the library's trainer.
  func dataset(_ sampling: SequenceSampling) -> TextDataset { sampling == .random ? random : sequential }

  /// An epoch's minibatches: tokens `[batch, steps]`, and the same one token later.
  func batches(epoch: Int, isRandom: Bool) -> [(x: Tensor, y: Tensor)] {
    let key = RandomKey(seed: 0, .shuffling, layer: 1, time: epoch)
    let offset = key.bounded(steps, draw: corpus.count)
    let parts =
      isRandom
      ? randomSequences(corpus, batchSize: batchSize, steps: steps, offset: offset, key: key)
      : sequentialSequences(corpus, batchSize: batchSize, steps: steps, offset: offset)
    return parts.map { part in
      (Tensor(part.x.map { $0.map(Int64.init) }), Tensor(part.y.map { $0.map(Int64.init) }))
    }
  }

  func indices(_ text: String) -> [Int] { text.unicodeScalars.map { vocabulary[String($0)] } }
  func text(_ tokens: [Int]) -> String { tokens.map { vocabulary.tokens[$0] }.joined() }

  /// Which share of a text's words, but for the first and the last, the book has.
  func shareOfWords(_ text: String) -> Double {
    let inner = text.split(separator: " ").dropFirst().dropLast()
    return inner.isEmpty ? 0 : Double(inner.count { words.contains(String($0)) }) / Double(inner.count)
  }

  /// How long a chapter trains: cut short in a quick run, but a short text has few minibatches.
  func epochs(_ page: Page, quick: Int, full: Int) -> Int { page.isQuick ? (isWhole ? quick : 10 * quick) : full }
}

/// The notes' `RNNModelScratch`: parameters, and how they make outputs of inputs.
struct ScratchModel {
  /// One-hot inputs `[steps, batch, vocabulary]`, states `[batch, hidden]` and parameters to outputs
  /// `[steps · batch, vocabulary]` and the states after the last step.
  typealias Cell = (
    _ inputs: Tensor, _ states: [Tensor], _ parameters: [Tensor]
  ) -> (outputs: Tensor, states: [Tensor])

  let vocabulary, hidden: Int
  let parameters: [Tensor]
  /// An LSTM has two.
  var stateCount = 1
  let cell: Cell

  /// The notes' `begin_state`.
  func begin(_ batchSize: Int) -> [Tensor] {
    (0..<stateCount).map { _ in Tensor.zeros([batchSize, hidden]) }
  }

  /// Tokens `[batch, steps]`.
  func callAsFunction(_ tokens: Tensor, _ states: [Tensor]) -> (outputs: Tensor, states: [Tensor]) {
    cell(oneHot(tokens.transposed(), vocabulary), states, parameters)
  }

  /// The notes' `predict_ch8`: a prefix, not empty, warms the state up, then each output is the next input. int64
  /// `[prefix + count]`.
  func predict(_ prefix: [Int], _ count: Int) -> Tensor {
    withoutGradient {
      var (states, tokens) = (begin(1), prefix.map { Tensor([[Int64($0)]]) })
      for step in 0..<prefix.count + count - 1 {
        let (outputs, last) = self(tokens[step], states)
        states = last
        if step + 1 >= prefix.count { tokens.append(outputs.argmax(1).reshaped([1, 1])) }
      }
      return Tensor.concatenate(tokens).reshaped([-1])
    }
  }

  /// The notes' `train_epoch_ch8`: the perplexity of an epoch. In random order, states begin anew with each minibatch; else
  /// they go on, but no gradient goes back through them.
  func trainEpoch(
    _ page: Page, _ batches: [(x: Tensor, y: Tensor)], learningRate: Double, isRandom: Bool
  ) -> Tensor {
    var states: [Tensor]?
    var (sum, count) = (Tensor.zeros([]), 0)
    for (x, y) in batches {
      let first = isRandom ? nil : states?.map { $0.detached() }
      let (outputs, last) = self(x, first ?? begin(x.shape[0]))
      let loss = crossEntropy(outputs, y.transposed().reshaped([-1]))
      page.backward(loss)
      gradientClipping(parameters, 1)
      sgd(parameters, learningRate, batchSize: 1)
      sum = sum + loss.detached() * Double(y.elementCount)
      count += y.elementCount
      states = last
    }
    return (sum / Double(count)).exp()
  }
}

/// Integers `[…]` as rows of zeros with a single one: `[…, count]`.
func oneHot(_ tokens: Tensor, _ count: Int) -> Tensor { Tensor.identity(count).rows(tokens) }

/// The notes' `grad_clipping`: scales all gradients down together to a norm of at most `limit`.
func gradientClipping(_ parameters: [Tensor], _ limit: Double) {
  let gradients = parameters.compactMap(\.gradient)
  let norm = gradients.reduce(Tensor.zeros([])) { $0 + $1.pow(2).sum() }.sqrt()
  for gradient in gradients { gradient.assign(gradient * (limit / norm).clamped(0, 1)) }
}

/// Parameters in the notes' order: for each gate inputs, state and bias, then the output's; small random weights.
func scratchParameters(vocabulary: Int, hidden: Int, gates: Int, seed: UInt64 = 0) -> [Tensor] {
  func normal(_ shape: Shape, _ index: Int) -> Tensor {
    .normal(shape, standardDeviation: 0.01, key: RandomKey(seed: seed, .initialization, layer: index))
  }
  var result: [Tensor] = []
  for gate in 0..<gates {
    result += [
      normal([vocabulary, hidden], 2 * gate), normal([hidden, hidden], 2 * gate + 1), .zeros([hidden]),
    ]
  }
  result += [normal([hidden, vocabulary], 2 * gates), .zeros([vocabulary])]
  return result.map { $0.requiringGradient() }
}

extension ScratchModel {
  /// The library's model with this one's parameters. `order` names this model's gates in PyTorch's order.
  func library(_ cell: Recurrent.Cell, gates order: [Int], _ page: Page) -> LanguageModel {
    let model = LanguageModel(Recurrent(cell, vocabulary, hidden), vocabulary: vocabulary)
    var values = Self.named(parameters, order)
    values["rnn.bias_hh_l0"] = Tensor.zeros([cell.gateCount * hidden])
    page.attempt { try model.load(values) }
    return model
  }

  /// Compares outputs and gradients on the same tokens with the library's model of the same parameters.
  func expectSame(_ page: Page, _ what: String, as model: LanguageModel, gates order: [Int], _ tokens: Tensor) {
    let labels = tokens.transposed().reshaped([-1])
    let (outputs, expected) = (self(tokens, begin(tokens.shape[0])).outputs, model(tokens))
    let difference = distance(outputs.detached(), expected.detached())
    page.compare("\(what): largest difference of outputs", difference, notes: 0, within: 1e-5)
    for logits in [outputs, expected] { page.backward(crossEntropy(logits, labels)) }
    let own = Self.named(parameters.map(\.derivative), order)
    let differences = own.map { name, gradient in page.number(distance(gradient, model[name].derivative)) }
    page.compare("\(what): of gradients", differences.max() ?? .nan, notes: 0, within: 1e-5)
    for parameter in parameters { parameter.gradient = nil }
    model.clearGradients()
  }

  /// Parameters, or their gradients, under PyTorch's names: gates below each other, matrices the other way round.
  private static func named(_ values: [Tensor], _ order: [Int]) -> [String: Tensor] {
    func gates(_ part: Int) -> Tensor {
      .concatenate(
        order.map { gate in
          let value = values[3 * gate + part]
          return value.rank == 2 ? value.detached().transposed() : value.detached()
        })
    }
    return [
      "rnn.weight_ih_l0": gates(0), "rnn.weight_hh_l0": gates(1), "rnn.bias_ih_l0": gates(2),
      "linear.weight": values[values.count - 2].detached().transposed(),
      "linear.bias": values[values.count - 1].detached(),
    ]
  }
}
