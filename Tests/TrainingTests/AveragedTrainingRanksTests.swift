import Lockstep
import Testing

@testable import TestSupport
@testable import Training

/// Moving averages of weights. Runs on one process under `swift test` and on 1, 2, 3 and 4 ranks under `launch/test-ranks`.
@Suite(.serialized) struct AveragedTrainingRanksTests {
  private static let (data, heldOut) = (ImageDataset(smallImages(100)), ImageDataset(smallImages(40, seed: 2)))

  private static func configuration(_ change: (inout Configuration) -> Void = { _ in }) -> Configuration {
    var configuration = smallConfiguration(epochs: 2)
    (configuration.ema, configuration.reproducible, configuration.momentum) = (0.9, true, 0.9)
    change(&configuration)
    return configuration
  }

  private static func trained(
    _ configuration: Configuration, on communicator: Communicator, from checkpoint: Checkpoint? = nil,
    savingIn path: String? = nil
  ) throws -> (trainer: Trainer, figures: [Double]) {
    let trainer = try Trainer(drawing: smallNetwork(), Classification(), configuration, on: communicator)
    if let checkpoint { try trainer.resume(from: checkpoint) }
    let recorder = EpochRecorder()
    trainer.observers = [recorder]
    try trainer.fit(data, test: heldOut, saving: path.map { CheckpointPlan(CheckpointFolder($0)) })
    return (trainer, recorder.all.compactMap { $0.test?.meanLoss })
  }

  private static func digest(_ trainer: Trainer) throws -> String {
    try Checkpoint.digest(#require(trainer.average).named)
  }

  /// The average is the same on any number of ranks, sharded or not, and changes nothing of the training.
  @Test func oneAnswer() throws {
    let communicator = try Ranks.duplicate()
    let alone = try Self.trained(Self.configuration(), on: .alone)
    let plain = try Self.trained(Self.configuration { $0.ema = nil }, on: .alone)
    #expect(try TestSupport.digest(plain.trainer.model) == TestSupport.digest(alone.trainer.model))
    #expect(plain.figures != alone.figures && plain.figures.count == 2)
    for isSharded in [false, true] {
      let found = try Self.trained(Self.configuration { $0.shardOptimizer = isSharded }, on: communicator)
      #expect(try Self.digest(found.trainer) == Self.digest(alone.trainer))
      #expect(try TestSupport.digest(found.trainer.model) == TestSupport.digest(alone.trainer.model))
      #expect(found.figures == alone.figures)
    }
    // What was evaluated last is the average.
    let (model, average) = (alone.trainer.model, try #require(alone.trainer.average))
    average.use()
    let evaluator = Evaluator(model, Classification(), Self.configuration().sharding(.alone), .alone)
    #expect(try evaluator.evaluate(Self.heldOut).meanLoss == alone.figures.last)
  }

  /// Saved beside the model, and gone on with.
  @Test func resumes() throws {
    let communicator = try Ranks.duplicate()
    let (path, owner) = try Ranks.sharedFolder(communicator)
    let whole = try Self.trained(Self.configuration(), on: .alone)
    _ = try Self.trained(Self.configuration { $0.steps = 9 }, on: communicator, savingIn: path)
    try communicator.barrier()
    let checkpoint = try CheckpointFolder.load(path).checkpoint
    #expect(checkpoint.average.map(\.name) == ["1.bias", "1.weight", "4.bias", "4.weight"])
    let resumed = try Self.trained(Self.configuration(), on: communicator, from: checkpoint)
    #expect(try Self.digest(resumed.trainer) == Self.digest(whole.trainer))
    #expect(resumed.figures.last == whole.figures.last)
    try communicator.barrier()
    _ = owner
  }

  /// A step that is skipped is not averaged.
  @Test func skippedSteps() throws {
    var configuration = poisonedConfiguration()
    configuration.ema = 0.5
    let trainer = try Trainer(drawing: smallNetwork(), Classification(), configuration)
    try trainer.fit(PoisonedImages([3]))
    #expect(try #require(trainer.average).named.allSatisfy { try $0.tensor.isFinite() })
  }
}
