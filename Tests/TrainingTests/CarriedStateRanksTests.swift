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

  /// An audit computes sequences again from the states that they began with, and leaves them as they were.
  @Test(arguments: 1...4) func carriedStatesAreReplayed(_ ranks: Int) throws {
    let alone = try StatefulLesson.train(on: .alone)
    let found = try simulated(ranks) { try StatefulLesson.train(on: $0, audit: 1) }
    #expect(found == Array(repeating: alone, count: ranks))
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

/// Models of texts that are not the library's.
@Suite struct SequenceModelTests {
  /// Counts the tokens seen so far by kind, and remembers the last one's embedding: a state of two tensors.
  private final class Counting: Module, SequenceModel {
    let output = Linear(7 + 4, 7), embedding = Embedding(7, 4)
    var leaves = 2

    func beginState(batch: Int) -> [Tensor] { [.zeros([1, batch, 7]), .zeros([2, batch, 2, 1])] }

    func run(_ tokens: Tensor, from state: [Tensor]?) -> (logits: Tensor, state: [Tensor]) {
      let batch = tokens.shape[0]
      var counts = state?[0][0] ?? .zeros([batch, 7])
      var last = state?[1].permuted([1, 0, 2, 3]).reshaped([batch, 4]) ?? .zeros([batch, 4])
      var logits: [Tensor] = []
      for step in 0..<tokens.shape[1] {
        let token = tokens[0..., step]
        counts = counts + (token.reshaped([batch, 1]) .== Tensor.arange(7).reshaped([1, 7])).to(.float32)
        logits.append(output(.concatenate([counts * 0.1, last], axis: 1)))
        last = embedding(token)
      }
      let parts = last.reshaped([batch, 2, 2, 1]).permuted([1, 0, 2, 3])
      return (.concatenate(logits, axis: 0), [counts.reshaped([1, batch, 7]), parts].dropLast(2 - leaves))
    }
  }

  private static func train(on ranks: Communicator, until steps: Int? = nil, in folder: String? = nil) throws -> String
  {
    var configuration = Configuration(model: "small", epochs: 2, batchSize: 6, learningRate: 0.5, seed: 4)
    (configuration.reproducible, configuration.virtualShards, configuration.steps) = (true, 5, steps)
    let trainer = try Trainer(drawing: Counting(), LanguageModelling(), configuration, on: ranks)
    let text = try TextDataset((0..<400).map { Int32($0 * $0 % 11 % 7) }, steps: 5, sampling: .sequential)
    if let folder, steps == nil { try trainer.resume(from: CheckpointFolder.load(folder).checkpoint) }
    try trainer.fit(text, saving: folder.map { CheckpointPlan(CheckpointFolder($0)) })
    return try digest(trainer.model)
  }

  /// Its state goes from step to step and through a checkpoint, on any number of ranks.
  @Test func aModelOfOnesOwn() throws {
    let (alone, folder) = (try Self.train(on: .alone), try TemporaryFolder())
    #expect(try Set(simulated(3) { try Self.train(on: $0) }) == [alone])
    _ = try simulated(2) { try Self.train(on: $0, until: 3, in: folder.path) }
    #expect(try CheckpointFolder.load(folder.path).checkpoint.carried?.shape == [6, 1 + 7 + 4])
    #expect(try Set(simulated(3) { try Self.train(on: $0, in: folder.path) }) == [alone])
  }

  @Test func aStateOfAnotherShapeIsRefused() throws {
    let model = Counting()
    model.leaves = 1
    let configuration = Configuration(model: "small", epochs: 1, batchSize: 6, learningRate: 0.5)
    let trainer = try Trainer(drawing: model, LanguageModelling(), configuration)
    let text = try TextDataset((0..<400).map { Int32($0 % 7) }, steps: 5, sampling: .sequential)
    let found = message { try trainer.fit(text) }
    #expect(
      found == "language modelling: Counting leaves a state of [[1, 6, 7]], but begins with [[1, 6, 7], [2, 6, 2, 1]]")
  }

  @Test func anotherModelIsRefused() throws {
    let configuration = Configuration(model: "small", epochs: 1, batchSize: 6, learningRate: 0.5)
    let trainer = try Trainer(drawing: Sequential(Linear(5, 7)), LanguageModelling(), configuration)
    let text = try TextDataset((0..<400).map { Int32($0 % 7) }, steps: 5, sampling: .random)
    #expect(message { try trainer.fit(text) } == "language modelling: Sequential is no SequenceModel")
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
    isResumed: Bool = false, audit: Int? = nil
  ) throws -> String {
    let model = LanguageModel(Recurrent(.gru, 7, 8), vocabulary: 7)
    var configuration = Configuration(model: "small", epochs: 2, batchSize: 6, learningRate: 0.5, clipNorm: 1, seed: 4)
    (configuration.reproducible, configuration.virtualShards, configuration.steps) = (true, 5, steps)
    configuration.audit = audit
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
