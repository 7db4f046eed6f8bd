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
  private let words: Set<String>

  init(_ page: Page) throws {
    let book = try TimeMachine(page)
    let text = try TextConverter.timeMachine(source: book.path, kind: .char).tokenize().text
    corpus = text.tokens.prefix(10_000).map(Int.init)
    (vocabulary, isWhole) = (text.vocabulary, book.isWhole)
    batchSize = min(32, corpus.count / (2 * (steps + 1)))
    words = Set(tokenize(try book.lines(), .word).joined())
  }

  /// The same for the library's trainer.
  func dataset(_ sampling: SequenceSampling) throws -> TextDataset {
    try TextDataset(corpus.map { Int32($0) }, steps: steps, sampling: sampling)
  }

  /// An epoch's minibatches: tokens `[batch, steps]`, and the same one token later.
  func batches(epoch: Int, isRandom: Bool) throws -> [(x: Tensor, y: Tensor)] {
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
  ) throws -> (outputs: Tensor, states: [Tensor])

  let vocabulary, hidden: Int
  let parameters: [Tensor]
  /// An LSTM has two.
  var stateCount = 1
  let cell: Cell

  /// The notes' `begin_state`.
  func begin(_ batchSize: Int) throws -> [Tensor] {
    (0..<stateCount).map { _ in Tensor.zeros([batchSize, hidden]) }
  }

  /// Tokens `[batch, steps]`.
  func callAsFunction(_ tokens: Tensor, _ states: [Tensor]) throws -> (outputs: Tensor, states: [Tensor]) {
    try cell(oneHot(tokens.transposed(), vocabulary), states, parameters)
  }

  /// The notes' `predict_ch8`: a prefix warms the state up, then each output is the next input.
  func predict(_ prefix: [Int], _ count: Int) throws -> [Int] {
    guard var token = prefix.first else { return [] }
    return try withoutGradient {
      var (states, result) = (try begin(1), prefix)
      func next() throws -> Tensor {
        let (outputs, last) = try self(Tensor([[Int64(token)]]), states)
        states = last
        return outputs
      }
      for known in prefix.dropFirst() {
        _ = try next()
        token = known
      }
      for _ in 0..<count {
        token = Int(try next().argmax(1).item())
        result.append(token)
      }
      return result
    }
  }

  /// The notes' `train_epoch_ch8`: the perplexity of an epoch. In random order, states begin anew with each minibatch; else
  /// they go on, but no gradient goes back through them.
  func trainEpoch(_ batches: [(x: Tensor, y: Tensor)], learningRate: Double, isRandom: Bool) throws -> Double {
    var states: [Tensor]?
    var (sum, count) = (0.0, 0)
    for (x, y) in batches {
      let first = isRandom ? nil : states?.map { $0.detached() }
      let (outputs, last) = try self(x, first ?? begin(x.shape[0]))
      let loss = try crossEntropy(outputs, y.transposed().reshaped([-1]))
      try loss.backward()
      try gradientClipping(parameters, 1)
      try sgd(parameters, learningRate, batchSize: 1)
      sum += try loss.item() * Double(y.elementCount)
      count += y.elementCount
      states = last
    }
    return exp(sum / Double(count))
  }
}

/// Integers `[…]` as rows of zeros with a single one: `[…, count]`.
func oneHot(_ tokens: Tensor, _ count: Int) throws -> Tensor { Tensor.identity(count).rows(tokens) }

/// The notes' `grad_clipping`: scales all gradients down together to a norm of at most `limit`.
func gradientClipping(_ parameters: [Tensor], _ limit: Double) throws {
  let gradients = parameters.compactMap(\.gradient)
  let norm = try gradients.reduce(0) { $0 + (try $1.pow(2).sum().item()) }.squareRoot()
  if norm > limit { for gradient in gradients { gradient.assign(gradient * (limit / norm)) } }
}

/// Parameters in the notes' order: for each gate inputs, state and bias, then the output's; small random weights.
func scratchParameters(vocabulary: Int, hidden: Int, gates: Int, seed: UInt64 = 0) throws -> [Tensor] {
  func normal(_ shape: Shape, _ index: Int) throws -> Tensor {
    .normal(shape, standardDeviation: 0.01, key: RandomKey(seed: seed, .initialization, layer: index))
  }
  var result: [Tensor] = []
  for gate in 0..<gates {
    result += [
      try normal([vocabulary, hidden], 2 * gate), try normal([hidden, hidden], 2 * gate + 1), .zeros([hidden]),
    ]
  }
  result += [try normal([hidden, vocabulary], 2 * gates), .zeros([vocabulary])]
  return result.map { $0.requiringGradient() }
}

extension ScratchModel {
  /// The library's model with this one's parameters. `order` names this model's gates in PyTorch's order.
  func library(_ cell: Recurrent.Cell, gates order: [Int]) throws -> LanguageModel {
    let model = LanguageModel(Recurrent(cell, vocabulary, hidden), vocabulary: vocabulary)
    var values = try Self.named(parameters, order)
    values["rnn.bias_hh_l0"] = Tensor.zeros([cell.gateCount * hidden])
    try model.load(values)
    return model
  }

  /// Compares outputs and gradients on the same tokens with the library's model of the same parameters.
  func expectSame(_ page: Page, _ what: String, as model: LanguageModel, gates order: [Int], _ tokens: Tensor) throws {
    let labels = tokens.transposed().reshaped([-1])
    let (outputs, expected) = (try self(tokens, begin(tokens.shape[0])).outputs, try model(tokens))
    func largest(_ a: Tensor, _ b: Tensor) throws -> Double { try (a.detached() - b.detached()).abs().max().item() }
    page.compare("\(what): largest difference of outputs", try largest(outputs, expected), notes: 0, within: 1e-5)
    try crossEntropy(outputs, labels).backward()
    try crossEntropy(expected, labels).backward()
    let own = try Self.named(parameters.map { $0.gradient ?? .empty }, order)
    let differences = try own.map { name, gradient in
      try largest(gradient, model.tensor(named: name)?.gradient ?? .empty)
    }
    page.compare("\(what): of gradients", differences.max() ?? .nan, notes: 0, within: 1e-5)
    for parameter in parameters { parameter.gradient = nil }
    model.clearGradients()
  }

  /// Parameters, or their gradients, under PyTorch's names: gates below each other, matrices the other way round.
  private static func named(_ values: [Tensor], _ order: [Int]) throws -> [String: Tensor] {
    func gates(_ part: Int) throws -> Tensor {
      .concatenate(
        order.map { gate in
          let value = values[3 * gate + part]
          return value.rank == 2 ? value.detached().transposed() : value.detached()
        })
    }
    return [
      "rnn.weight_ih_l0": try gates(0), "rnn.weight_hh_l0": try gates(1), "rnn.bias_ih_l0": try gates(2),
      "linear.weight": values[values.count - 2].detached().transposed(),
      "linear.bias": values[values.count - 1].detached(),
    ]
  }
}
