import Lockstep
import Testing
import Zoo

@testable import TestSupport

/// Models of sequences on one process under `swift test`, on 1 to 4 ranks under `launch/test-ranks`.
@Suite(.serialized) struct SequenceRanksTests {
  private static let steps = 50

  @Test(arguments: ["rnn", "gru", "lstm", "deep-lstm", "bidirectional-lstm"], [SequenceSampling.random, .sequential])
  func languageModels(_ name: String, _ sampling: SequenceSampling) throws {
    let tokens = (0..<900).map { (place: Int) -> Int32 in Int32((place * place / 7 + place) % 11) }
    let data = try TextDataset(tokens, steps: 5, sampling: sampling)
    try expectOneAnswer(data, LanguageModelling(), batchSize: 7) {
      LanguageModel(
        Recurrent(
          name == "rnn" ? .elman : name == "gru" ? .gru : .lstm, 11, 6, layers: name.contains("-") ? 2 : 1,
          isBidirectional: name.hasPrefix("bi")), vocabulary: 11)
    }
  }

  @Test(arguments: [false, true]) func translations(hasAttention: Bool) throws {
    try expectOneAnswer(Self.pairs(47), Translation(begin: 2, steps: 6), batchSize: 10, optimizer: .adam) {
      EncoderDecoder(
        Seq2SeqEncoder(vocabulary: 13, width: 5, hidden: 6, layers: 2, dropout: 0.1),
        hasAttention
          ? AttentionDecoder(vocabulary: 15, width: 5, hidden: 6, layers: 2, dropout: 0.1)
          : Seq2SeqDecoder(vocabulary: 15, width: 5, hidden: 6, layers: 2, dropout: 0.1))
    }
  }

  /// Sentences of one to five words and `<eos>`, of very different lengths side by side.
  private static func pairs(_ count: Int) throws -> PairsDataset {
    func sentences(_ words: Int, _ factor: Int) -> (tokens: [Int32], lengths: [Int32]) {
      let lengths = (0..<count).map { (row: Int) -> Int32 in Int32(2 + row * factor % 5) }
      let tokens = (0..<count).flatMap { row in
        (0..<6).map { step -> Int32 in
          let last = Int(lengths[row]) - 1
          if step >= last { return step == last ? 3 : 1 }
          let word: Int = (row * factor + step * step) % (words - 4)
          return Int32(4 + word)
        }
      }
      return (tokens, lengths)
    }
    let (source, target) = (sentences(13, 3), sentences(15, 7))
    return try PairsDataset(
      source: source.tokens, sourceLengths: source.lengths, target: target.tokens, targetLengths: target.lengths,
      steps: 6)
  }

  /// All ranks together train what one process trains: to rounding in ordinary mode, to the bit in reproducible mode.
  private func expectOneAnswer(
    _ data: any Dataset, _ objective: @autoclosure () -> any Objective, batchSize: Int,
    optimizer: Configuration.OptimizerName = .sgd, _ make: () -> Module
  ) throws {
    let communicator = try Ranks.duplicate()
    for isReproducible in [false, true] {
      var configuration = Configuration(
        model: "sequences", epochs: Self.steps, batchSize: batchSize, learningRate: optimizer == .sgd ? 0.5 : 0.005,
        seed: 3)
      (configuration.optimizer, configuration.clipNorm, configuration.steps) = (optimizer, 1, Self.steps)
      configuration.reproducible = isReproducible
      let together = try Trainer(drawing: make(), objective(), configuration, on: communicator)
      let before = together.model.namedParameters.map { $0.tensor.copy() }
      try together.fit(data)
      // All ranks found the same, and one trains alone for all.
      #expect(Set(try communicator.everyRanks("\(digest(together.model)) \(together.position)")).count == 1)
      guard communicator.isRoot else { continue }
      let alone = try Trainer(drawing: make(), objective(), configuration)
      try alone.fit(data)
      #expect(together.position == alone.position)
      #expect(together.position.step == Self.steps)
      for (index, (found, wanted)) in zip(together.model.namedParameters, alone.model.namedParameters).enumerated() {
        let difference = try (found.tensor - wanted.tensor).abs().max().item()
        #expect(difference < 1e-4, "\(found.name) differs by \(difference)")
        #expect(try (wanted.tensor - before[index]).abs().max().item() > 0, "\(found.name) was not trained")
      }
      if isReproducible { #expect(try digest(together.model) == digest(alone.model)) }
    }
  }
}
