import Lockstep
import Testing

@testable import TestSupport
@testable import Training

/// Trainings whose gradients lose bits on their way. Runs on one process under `swift test` and on 1, 2, 3 and 4 ranks under
/// `launch/test-ranks`.
@Suite(.serialized) struct CompressedTrainingRanksTests {
  private static let lossy: [Compression] = [.bf16, .int8, .powersgd]

  private static func trainer(
    _ compression: Compression, _ communicator: Communicator, localSteps: Int = 0, epochs: Int = 2
  ) throws -> Trainer {
    var configuration = smallConfiguration(epochs: epochs)
    (configuration.compression, configuration.compressionRank, configuration.localSteps) = (compression, 2, localSteps)
    let trainer = try Trainer(drawing: normalizedNetwork(), Classification(), configuration, on: communicator)
    trainer.checks.verificationInterval = 5
    return trainer
  }

  private static let data = ImageDataset(smallImages(80))

  /// Replicas stay the same, verified on the way, and the loss goes where it goes without.
  @Test(arguments: [(Compression.bf16, 0), (.int8, 0), (.powersgd, 0), (.int8, 4)])
  func learnsAsBefore(_ compression: Compression, _ localSteps: Int) throws {
    let communicator = try Ranks.duplicate()
    func loss(_ compression: Compression) throws -> (first: Double, last: Double) {
      let trainer = try Self.trainer(compression, communicator, localSteps: localSteps)
      let epochs = EpochRecorder()
      trainer.observers = [epochs]
      try trainer.fit(Self.data, test: Self.data)
      return (epochs.all.first?.test?.meanLoss ?? .nan, epochs.all.last?.test?.meanLoss ?? .nan)
    }
    let (plain, lossy) = (try loss(.none), try loss(compression))
    #expect(plain.last < plain.first && abs(lossy.last - plain.last) < 0.3 * (plain.first - plain.last))
    #expect(communicator.size > 1 || lossy == plain || localSteps > 0)
  }

  /// Threads of one process do as processes do.
  @Test(arguments: lossy) func simulatedRanksAgree(_ compression: Compression) throws {
    let digests = try simulated(3) { communicator in
      let trainer = try Self.trainer(compression, communicator, epochs: 1)
      try trainer.fit(Self.data)
      return try digest(trainer.model)
    }
    #expect(Set(digests).count == 1)
  }

  /// What was carried over is not saved; training goes on without.
  @Test(arguments: lossy) func resumes(_ compression: Compression) throws {
    let communicator = try Ranks.duplicate()
    let (path, owner) = try Ranks.sharedFolder(communicator)
    try Self.trainer(compression, communicator, epochs: 1).fit(
      Self.data, saving: CheckpointPlan(CheckpointFolder(path)))
    try communicator.barrier()
    let resumed = try Self.trainer(compression, communicator, epochs: 2)
    try resumed.resume(from: CheckpointFolder.load(path).checkpoint)
    try resumed.fit(Self.data)
    #expect(resumed.position.epoch == 2 && resumed.optimizer.slots.isEmpty)
    try communicator.barrier()
    _ = owner
  }

  /// A skipped step leaves out what it would have carried over.
  @Test(arguments: lossy) func oddStepsAreLeftOut(_ compression: Compression) throws {
    let communicator = try Ranks.duplicate()
    var configuration = poisonedConfiguration()
    (configuration.reproducible, configuration.compression) = (false, compression)
    let trainer = try Trainer(drawing: normalizedNetwork(), Classification(), configuration, on: communicator)
    try trainer.fit(PoisonedImages([3, 50]))
    #expect(try trainer.model.state.allSatisfy { try $0.tensor.isFinite() })
    #expect(Set(try communicator.everyRanks(try digest(trainer.model))).count == 1)
  }
}
