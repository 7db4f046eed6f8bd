import Foundation
import HDF5Files
import Lockstep
import Synchronization
import Testing

@testable import TestSupport
@testable import Training

/// The training loop in one process.
@Suite struct TrainerTests {
  private func trainer(_ configuration: Configuration, dropout: Double = 0) throws -> (Trainer, EpochRecorder) {
    let trainer = try Trainer(drawing: smallNetwork(dropout: dropout), Classification(), configuration)
    let recorder = EpochRecorder()
    trainer.observers = [recorder]
    return (trainer, recorder)
  }

  @Test(arguments: [Configuration.OptimizerName.sgd, .adam]) func learnsAFewImagesByHeart(
    _ optimizer: Configuration.OptimizerName
  ) throws {
    var configuration = smallConfiguration(epochs: 30, batchSize: 8, learningRate: optimizer == .sgd ? 0.5 : 0.02)
    configuration.optimizer = optimizer
    let (trainer, epochs) = try trainer(configuration)
    try trainer.fit(ImageDataset(smallImages(30)))
    let last = try #require(epochs.all.last)
    #expect(last.train.meanLoss < 0.05)
    #expect(last.train.accuracy == 1)
    #expect(try #require(epochs.all.first).train.meanLoss > 1)
  }

  /// One step by hand on the same batch: the loop adds nothing to forward, backward and update.
  @Test func aStepIsWhatTheBookSays() throws {
    let data = ImageDataset(smallImages(10))
    let (trainer, _) = try trainer(smallConfiguration(epochs: 1, batchSize: 10, learningRate: 0.25))
    let twin = smallNetwork()
    try twin.load(Dictionary(uniqueKeysWithValues: trainer.model.state.map { ($0.name, $0.tensor.copy()) }))
    try trainer.fit(data)
    let batch = try data.batch(Sampler(sampleCount: 10, batchSize: 10, seed: 7).order(epoch: 0).samples)
    try crossEntropy(twin(batch.inputs), batch.targets).backward()
    for (found, parameter) in zip(trainer.model.namedParameters, twin.namedParameters) {
      let gradient = try #require(parameter.tensor.gradient).floats()
      let wanted = zip(try parameter.tensor.floats(), gradient).map { $0 - 0.25 * $1 }
      for (a, b) in zip(try found.tensor.floats(), wanted) { #expect(abs(a - b) < 1e-6) }
    }
  }

  /// Slices of a batch sum to the batch's gradient, and the short last batch is weighted by its own size.
  @Test(arguments: [1, 3, 7, 16]) func slicesChangeNothing(_ sliceSize: Int) throws {
    let data = ImageDataset(smallImages(37))
    let (whole, wholeEpochs) = try trainer(smallConfiguration())
    try whole.fit(data)
    var configuration = smallConfiguration()
    configuration.sliceSize = sliceSize
    let (sliced, slicedEpochs) = try trainer(configuration)
    try sliced.fit(data)
    try expectClose(sliced.model, whole.model)
    let (found, wanted) = (try #require(slicedEpochs.all.last), try #require(wholeEpochs.all.last))
    #expect(abs(found.train.loss / wanted.train.loss - 1) < 1e-5)
    #expect(found.train.weight == 37)
  }

  @Test(arguments: [1, 7, 1024, 1025, 2100]) func evaluationCountsEachSampleOnce(_ count: Int) throws {
    let split = smallImages(count, side: 2)
    let model = Sequential(Flatten(), Linear(4, 10))
    let totals = try Evaluator(model, Classification(), Sharding(rank: 0, rankCount: 1, sliceSize: 300), .alone)
      .evaluate(ImageDataset(split))
    #expect(totals.weight == Double(count))
    let batch = try ImageDataset(split).batch(Array(0..<count))
    let logits = model(batch.inputs)
    #expect(try abs(totals.loss / crossEntropy(logits, batch.targets, reduction: .sum).item() - 1) < 1e-4)
    #expect(try totals[.hits] == (logits.argmax(1) .== batch.targets).sum().item())
  }

  @Test func evaluationLeavesTheModelAsItWas() throws {
    let model = smallNetwork(dropout: 0.5)
    let evaluator = Evaluator(model, Classification(), Sharding(rank: 0, rankCount: 1), .alone)
    let data = ImageDataset(smallImages(50))
    let before = try digest(model)
    // Without dropout the answer is the same each time.
    #expect(try evaluator.evaluate(data) == evaluator.evaluate(data))
    #expect(model.isTraining)
    #expect(try digest(model) == before)
    #expect(model.namedParameters.allSatisfy { $0.tensor.gradient == nil })
    let empty = try evaluator.evaluate(ImageDataset(smallImages(0)))
    #expect(empty == [.loss: 0, .hits: 0, .weight: 0])
    #expect((empty.meanLoss, empty.accuracy) == (0, 0))
  }

  @Test func endsAfterTheStepsAskedFor() throws {
    for (steps, epochs) in [(0, 0), (1, 0), (6, 0), (7, 1), (9, 1), (14, 2), (100, 2)] {
      var configuration = smallConfiguration(epochs: 2)
      configuration.steps = steps
      let (trainer, recorder) = try trainer(configuration)
      try trainer.fit(ImageDataset(smallImages(100)))
      #expect(trainer.position.step == min(steps, 14))
      #expect(trainer.position.samplesSeen == min(steps, 14) * 16 - min(steps, 14) / 7 * 12)
      #expect(recorder.all.map(\.epoch) == Array(1...2).prefix(epochs).map { $0 })
    }
  }

  @Test func clippingBoundsTheUpdate() throws {
    var configuration = smallConfiguration(epochs: 1, batchSize: 100, learningRate: 1)
    configuration.clipNorm = 0.01
    let (trainer, _) = try trainer(configuration)
    let before = try trainer.model.namedParameters.flatMap { try $0.tensor.floats() }
    try trainer.fit(ImageDataset(smallImages(100)))
    let after = try trainer.model.namedParameters.flatMap { try $0.tensor.floats() }
    let moved = zip(before, after).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }.squareRoot()
    #expect(abs(moved - 0.01) < 1e-5)
  }

  @Test func aLossThatIsNoNumberStopsBeforeTheUpdate() throws {
    let folder = try TemporaryFolder()
    let (trainer, _) = try trainer(smallConfiguration(epochs: 1))
    let plan = CheckpointPlan(CheckpointFolder(folder.path), every: .steps(2))
    var digests: [String] = []
    trainer.observers = [Poisoner(trainer.model, step: 3) { digests.append($0) }]
    let error = #expect(throws: NotFiniteError.self) { try trainer.fit(ImageDataset(smallImages(100)), saving: plan) }
    #expect(error?.step == 4)
    #expect(error?.kind == .internalError)
    #expect(trainer.position.step == 3)
    // The poisoned weight apart, the model is as step 3 left it; the last good state lies on the disk.
    let (_, checkpoint) = try CheckpointFolder.load(folder.path)
    #expect(checkpoint.position.step == 2)
    #expect(try digest(trainer.model) == digests.last)
  }

  @Test func anErrorOfTheDataEndsTheTraining() throws {
    struct Broken: Dataset {
      let count = 40
      func batch(_ samples: [Int]) throws -> Batch { throw InputError("broken.h5", "is gone") }
    }
    let (trainer, _) = try trainer(smallConfiguration())
    #expect(throws: InputError("broken.h5", "is gone")) { try trainer.fit(Broken()) }
  }

  /// The folder of a plan is made when the training begins, not found missing when the first epoch is over.
  @Test func theFolderIsMadeAtTheStart() throws {
    let folder = try TemporaryFolder()
    let (trainer, epochs) = try trainer(smallConfiguration(epochs: 1))
    try trainer.fit(ImageDataset(smallImages(20)), saving: CheckpointPlan(CheckpointFolder(folder.file("new"))))
    #expect(try CheckpointFolder.load(folder.file("new")).checkpoint.position.epoch == 1)
    #expect(epochs.all.count == 1)
    let (other, nothing) = try self.trainer(smallConfiguration(epochs: 1))
    let text = message {
      try other.fit(
        ImageDataset(smallImages(20)), saving: CheckpointPlan(CheckpointFolder(folder.file("missing/new"))))
    }
    #expect(text?.contains("this folder can't be made") == true)
    #expect(other.position.step == 0 && nothing.all.isEmpty)
  }

  @Test func savesWhenDue() throws {
    for (interval, steps) in [
      (CheckpointPlan.Interval.epochs(1), [7, 14, 21]), (.epochs(2), [14, 21]), (.steps(5), [5, 10, 15, 20, 21]),
    ] {
      let folder = try TemporaryFolder()
      let (trainer, _) = try trainer(smallConfiguration(epochs: 3))
      try trainer.fit(
        ImageDataset(smallImages(100)), saving: CheckpointPlan(CheckpointFolder(folder.path), every: interval))
      let wanted = steps.map { "checkpoint-000000\($0 < 10 ? "0" : "")\($0).h5" }
      #expect(try folder.names == wanted)
    }
  }

  /// mpirun mixes the ranks' lines where they are longer than 4,096 bytes.
  @Test func aReportOfManySamplesIsOneShortLine() {
    func line(_ count: Int) -> String {
      let samples = (0..<count).map { 1_000_000 + $0 }
      return "\(StepReport(step: 9_999_999, rank: 999, samples: samples, loss: 1 / 3, gradientNorm: 1 / 3))"
    }
    #expect(line(30_000).utf8.count < 4096)
    #expect(line(30_000).hasSuffix(" 1000399 and 29600 more"))
    #expect(line(400).hasSuffix(" 1000398 1000399"))
  }
}

/// Puts a number that is none into the model when a step has ended.
private final class Poisoner: TrainingObserver {
  private let model: Module
  private let step: Int
  private let report: (String) -> Void
  init(_ model: Module, step: Int, _ report: @escaping (String) -> Void) {
    (self.model, self.step, self.report) = (model, step, report)
  }

  func stepFinished(_ finished: FinishedStep) {
    guard finished.position.step == step, let bias = model.namedParameters.last?.tensor else { return }
    _ = try? bias.withFloats { $0[0] = .nan }
    report((try? digest(model)) ?? "")
  }
}
