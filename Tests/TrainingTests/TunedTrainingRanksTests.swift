import DataParallel
import Foundation
import Kernels
import Lockstep
import Testing

@testable import TestSupport
@testable import Training

/// Trainings by kernels that were chosen by measurement. Runs on one process under `swift test` and on 1, 2, 3 and 4 ranks under
/// `launch/test-ranks`.
@Suite(.serialized) struct TunedTrainingRanksTests {
  private static let data = ImageDataset(smallImages(50))

  private static func network() -> Sequential {
    Sequential(
      Conv2D(1, 16, kernel: 3, padding: 1), BatchNorm2D(16), ReLU(), Conv2D(16, 16, kernel: 3, padding: 1), ReLU(),
      Flatten(), Dropout(0.2), Linear(16 * 64, 32), ReLU(), Linear(32, 10))
  }

  /// A training's digest, with the totals of an evaluation by itself.
  private static func train(
    _ options: KernelOptions, on communicator: Communicator, keptIn folder: String
  ) throws -> (digest: String, loss: Double) {
    var configuration = smallConfiguration(epochs: 1, batchSize: 20)
    (configuration.backend, configuration.convolution) = (options.backend, options.convolution)
    let trainer = try Trainer(drawing: network(), Classification(), configuration, on: communicator)
    trainer.planFolder = folder
    trainer.checks.verificationInterval = 1
    try trainer.fit(data)
    var evaluator = Evaluator(
      trainer.model, Classification(), trainer.strategy.sharding, communicator, configuration.kernels)
    evaluator.planFolder = folder
    return (try digest(trainer.model), try evaluator.evaluate(data).meanLoss)
  }

  /// A cache in which all that the network asks for, with any of its batches, is computed by one kind of kernel.
  private static func fill(_ folder: String, with choice: KernelChoice) throws {
    var options = KernelOptions(backend: .tuned)
    let asked = KernelPlans([])
    options.plans = asked
    let network = network()
    for count in [8, 10, 13, 17, 25, 40, 50] {
      let batch = try data.batch(Array(0..<count))
      try options.run { try crossEntropy(network(batch.inputs), batch.targets).backward() }
    }
    let powers = (0..<8).map { 1 << $0 }
    let file = try PlanFile(in: folder, PlanFile.Machine(threads: KernelOptions.threadsInUse))
    file?.add(
      asked.unknown.flatMap { asked in powers.map { KernelPlan(asked.problem, batch: $0, choice) } },
      warn: { Issue.record("\($0)") })
  }

  /// Whatever the other ranks' caches say: rank 0's plans are taken, and the bits are those of its kernels on one rank or many.
  @Test func allRanksTakeThePlansOfTheFirst() throws {
    let communicator = try Ranks.duplicate()
    let folder = try TemporaryFolder()
    try Self.fill(folder.path, with: communicator.isRoot ? .native : .onednn)
    let found = try Self.train(KernelOptions(backend: .tuned), on: communicator, keptIn: folder.path)
    let wanted = try Self.train(KernelOptions(convolution: .direct), on: communicator, keptIn: folder.path)
    #expect(found.digest == wanted.digest && found.loss == wanted.loss)
    #expect(Set(try communicator.everyRanks(found.digest)).count == 1)
  }

  /// What is measured is kept by rank 0, and what is kept is what a second training takes.
  @Test func whatIsMeasuredIsKept() throws {
    let communicator = try Ranks.duplicate()
    let folder = try TemporaryFolder()
    let first = try Self.train(KernelOptions(backend: .tuned), on: communicator, keptIn: folder.path)
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(files.count == (communicator.isRoot ? 1 : 0))
    let contents = try files.map { try Data(contentsOf: URL(fileURLWithPath: folder.file($0))) }
    let second = try Self.train(KernelOptions(backend: .tuned), on: communicator, keptIn: folder.path)
    #expect(second.digest == first.digest && second.loss == first.loss)
    #expect(try files.map { try Data(contentsOf: URL(fileURLWithPath: folder.file($0))) } == contents)
    #expect(Set(try communicator.everyRanks(first.digest)).count == 1)
  }

  @Test func simulatedRanksAgree() throws {
    let folder = try TemporaryFolder()
    let digests = try simulated(3) {
      try Self.train(KernelOptions(backend: .tuned), on: $0, keptIn: folder.path).digest
    }
    #expect(digests.count == 3 && Set(digests).count == 1)
  }

  @Test func reproducibleModeRefuses() {
    var configuration = smallConfiguration()
    (configuration.backend, configuration.reproducible) = (.tuned, true)
    #expect(
      message { try configuration.validate() }
        == "kernels is tuned, but must be left out with --reproducible, whose bits are not to depend on timing")
  }
}
