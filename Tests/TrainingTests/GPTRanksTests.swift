import Lockstep
import Testing
import Zoo

@testable import TestSupport

/// A small GPT with all that its recipe asks for, and dropout.
private enum GPTLesson {
  static func train(
    on ranks: Communicator, until steps: Int? = nil, in folder: String? = nil, isResumed: Bool = false
  ) throws -> String {
    let entry = try #require(Zoo.model("gpt"))
    var configuration = entry.recipe
    var sizes = entry.sizes
    (sizes.layers, sizes.heads, sizes.width, sizes.context, sizes.dropout) = (2, 2, 8, 6, 0.1)
    sizes.vocabulary = 11
    (configuration.sizes, configuration.batchSize, configuration.epochs, configuration.steps) = (sizes, 7, 2, steps)
    (configuration.warmup, configuration.scheduleSteps, configuration.seed) = (3, [20], 5)
    (configuration.reproducible, configuration.virtualShards) = (true, 5)
    let trainer = try Trainer(drawing: entry.make(sizes), LanguageModelling(), configuration, on: ranks)
    if let folder, isResumed { try trainer.resume(from: CheckpointFolder.load(folder).checkpoint) }
    try trainer.fit(try text(300), test: try text(80), saving: folder.map { CheckpointPlan(CheckpointFolder($0)) })
    return try digest(trainer.model)
  }

  private static func text(_ count: Int) throws -> TextDataset {
    try TextDataset((0..<count).map { Int32(($0 * $0 / 7 + $0) % 11) }, steps: 6, sampling: .random)
  }
}

@Suite struct GPTAnswerTests {
  @Test func sameBitsOnAnyRanks() throws {
    let alone = try GPTLesson.train(on: .alone)
    for ranks in 2...4 {
      #expect(try Set(simulated(ranks) { try GPTLesson.train(on: $0) }) == [alone], "\(ranks) ranks")
    }
    let folder = try TemporaryFolder()
    _ = try simulated(2) { try GPTLesson.train(on: $0, until: 5, in: folder.path) }
    let resumed = try simulated(3) { try GPTLesson.train(on: $0, in: folder.path, isResumed: true) }
    #expect(Set(resumed) == [alone])
  }
}

/// The same between real ranks.
@Suite(.serialized) struct GPTRanksTests {
  @Test func sameBitsAsOneProcess() throws {
    let world = try Ranks.duplicate()
    #expect(try GPTLesson.train(on: world) == GPTLesson.train(on: .alone), "rank \(world.rank)")
  }
}

/// What a training is judged by leaves no trace in it.
@Suite struct EvaluationTests {
  @Test func carriedStatesStay() throws {
    let text = try TextDataset((0..<400).map { Int32($0 * $0 % 11 % 7) }, steps: 5, sampling: .sequential)
    let model = LanguageModel(Recurrent(.gru, 7, 3), vocabulary: 7)
    model.initializeAll(seed: 1)
    let objective = LanguageModelling()
    let configuration = Configuration(model: "small", epochs: 1, batchSize: 6, learningRate: 0.5)
    let rows = text.arranged(epoch: 0, batchSize: 6, seed: 0)
    let batch = try rows.batch(Array(0..<6))
    _ = try objective.outputs(of: model, on: batch)
    let next = try rows.batch(Array(6..<12))
    let expected = try objective.outputs(of: model, on: next).floats()
    _ = try objective.outputs(of: model, on: batch)
    let evaluator = Evaluator(model, objective, configuration.sharding(.alone), .alone)
    let totals = try evaluator.evaluate(text.inRows(atMost: 6))
    #expect(totals.weight > 300)
    #expect(try objective.outputs(of: model, on: next).floats() == expected)
  }
}
