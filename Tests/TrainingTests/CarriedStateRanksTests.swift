import Lockstep
import Testing

@testable import TestSupport

@Suite struct CarriedStateTests {
  /// Carried states count, and come to the same bits whatever rank keeps them.
  @Test func carriedStatesComeToTheSame() throws {
    let alone = try StatefulLesson.train(on: .alone)
    for ranks in 2...4 {
      for found in try simulated(ranks, { try StatefulLesson.train(on: $0) }) {
        #expect(found == alone, "\(ranks) ranks")
      }
    }
    #expect(try StatefulLesson.train(on: .alone, forgetting: true) != alone)
  }
}

/// The same between real ranks.
@Suite(.serialized) struct CarriedStateRanksTests {
  @Test func carriedStatesComeToTheSame() throws {
    let world = try Ranks.duplicate()
    #expect(try StatefulLesson.train(on: world) == StatefulLesson.train(on: .alone), "rank \(world.rank)")
  }
}

/// A short training of a language model whose states are carried from step to step.
private enum StatefulLesson {
  /// The text again, without a word of what goes on.
  private struct Forgetful: Dataset {
    let text: any Dataset
    var count: Int { text.count }
    var rows: Int? { text.rows }
    func weight(of samples: [Int]) -> Int { text.weight(of: samples) }

    func arranged(epoch: Int, batchSize: Int, seed: UInt64) -> any Dataset {
      Forgetful(text: text.arranged(epoch: epoch, batchSize: batchSize, seed: seed))
    }

    func batch(_ samples: [Int]) throws -> Batch {
      var batch = try text.batch(samples)
      batch.continuation = nil
      return batch
    }
  }

  static func train(on ranks: Communicator, forgetting: Bool = false) throws -> String {
    let model = LanguageModel(Recurrent(.gru, 7, 8), vocabulary: 7)
    var configuration = Configuration(model: "small", epochs: 2, batchSize: 6, learningRate: 0.5, clipNorm: 1, seed: 4)
    (configuration.reproducible, configuration.virtualShards) = (true, 5)
    let trainer = try Trainer(model, LanguageModelling(), configuration, on: ranks)
    let tokens = (0..<400).map { Int32($0 * $0 % 11 % 7) }
    let text = try TextDataset(tokens, steps: 5, sampling: .sequential)
    if forgetting {
      try trainer.fit(Forgetful(text: text))
    } else {
      try trainer.fit(text)
    }
    return try digest(model)
  }
}
