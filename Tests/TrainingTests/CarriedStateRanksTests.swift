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

  /// Stopped and gone on with twice within an epoch, on other numbers of ranks: each row's state is kept once, and the
  /// newest.
  @Test(arguments: [[1, 1, 1], [2, 2, 2], [2, 1, 3], [3, 2, 2], [4, 4, 1]])
  func carriedStatesOfATwiceResumedTraining(_ ranks: [Int]) throws {
    let alone = try StatefulLesson.train(on: .alone)
    let folder = try TemporaryFolder()
    for (index, stop) in [2, 4, nil].enumerated() {
      let found = try simulated(ranks[index]) {
        try StatefulLesson.train(on: $0, until: stop, in: folder.path, isResumed: index > 0)
      }
      if stop == nil {
        #expect(found == Array(repeating: alone, count: ranks[index]))
      } else {
        let carried = try #require(try CheckpointFolder.load(folder.path).checkpoint.carried)
        #expect(carried.shape == [6, 9])
        #expect(try carried[0..., 0].floats() == [0, 1, 2, 3, 4, 5])
      }
    }
  }

  /// Saved again before any step, a restored state is still whole.
  @Test func carriedStatesAreSavedAgain() throws {
    let folder = try TemporaryFolder()
    _ = try StatefulLesson.train(on: .alone, until: 2, in: folder.path)
    let before = try #require(try CheckpointFolder.load(folder.path).checkpoint.carried).floats()
    _ = try simulated(3) { try StatefulLesson.train(on: $0, until: 2, in: folder.path, isResumed: true) }
    #expect(try CheckpointFolder.load(folder.path).checkpoint.carried?.floats() == before)
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

  static func train(
    on ranks: Communicator, forgetting: Bool = false, until steps: Int? = nil, in folder: String? = nil,
    isResumed: Bool = false
  ) throws -> String {
    let model = LanguageModel(Recurrent(.gru, 7, 8), vocabulary: 7)
    var configuration = Configuration(model: "small", epochs: 2, batchSize: 6, learningRate: 0.5, clipNorm: 1, seed: 4)
    (configuration.reproducible, configuration.virtualShards, configuration.steps) = (true, 5, steps)
    let trainer = try Trainer(drawing: model, LanguageModelling(), configuration, on: ranks)
    let tokens = (0..<400).map { Int32($0 * $0 % 11 % 7) }
    let text = try TextDataset(tokens, steps: 5, sampling: .sequential)
    let saving = folder.map { CheckpointPlan(CheckpointFolder($0)) }
    if let folder, isResumed { try trainer.resume(from: CheckpointFolder.load(folder).checkpoint) }
    if forgetting {
      try trainer.fit(Forgetful(text: text))
    } else {
      try trainer.fit(text, saving: saving)
    }
    return try digest(model)
  }
}
