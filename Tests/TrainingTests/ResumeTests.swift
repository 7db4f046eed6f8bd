import Foundation
import Lockstep
import Testing
import Zoo

@testable import TestSupport
@testable import Training

/// A training that was interrupted and goes on ends with the bits of one that never was.
@Suite struct ResumeTests {
  /// How a test trains: an optimizer, and where in a training of three epochs of seven steps it stops.
  struct Case: CustomTestStringConvertible {
    let name: String
    let stop: Int
    var dropout = 0.0
    var change: @Sendable (inout Configuration) -> Void = { _ in }

    var testDescription: String { "\(name), stopped after step \(stop)" }
  }

  // 100 samples in batches of 16: the seventh batch is of 4.
  static let cases: [Case] = [1, 6, 7, 10, 14, 20].flatMap { stop in
    [
      Case(name: "sgd", stop: stop), Case(name: "momentum", stop: stop) { $0.momentum = 0.9 },
      Case(name: "nesterov, decay", stop: stop) { ($0.momentum, $0.nesterov, $0.weightDecay) = (0.9, true, 0.01) },
      Case(name: "adam", stop: stop) { ($0.optimizer, $0.learningRate) = (.adam, 0.01) },
      Case(name: "adamw, dropout", stop: stop, dropout: 0.3) { ($0.optimizer, $0.weightDecay) = (.adamw, 0.1) },
      Case(name: "lars", stop: stop) { ($0.optimizer, $0.momentum, $0.weightDecay) = (.lars, 0.9, 0.01) },
      Case(name: "lamb", stop: stop) { ($0.optimizer, $0.learningRate, $0.weightDecay) = (.lamb, 0.01, 0.1) },
      Case(name: "dropout, slices, clipped", stop: stop, dropout: 0.5) { ($0.sliceSize, $0.clipNorm) = (5, 0.5) },
    ]
  }

  @Test(arguments: cases) func bitForBit(_ test: Case) throws {
    let data = ImageDataset(smallImages(100))
    let folder = try TemporaryFolder()
    var configuration = smallConfiguration(epochs: 3)
    test.change(&configuration)

    let (whole, wholeEpochs) = try trainer(test, configuration)
    try whole.fit(data, test: data)

    var first = configuration
    first.steps = test.stop
    let (begun, _) = try trainer(test, first)
    try begun.fit(data, saving: CheckpointPlan(CheckpointFolder(folder.path)))
    #expect(begun.position.step == test.stop)

    let (resumed, resumedEpochs) = try trainer(test, configuration)
    let (_, checkpoint) = try CheckpointFolder.load(folder.path)
    #expect(checkpoint.position.epoch == test.stop / 7)
    #expect(checkpoint.position.stepInEpoch == test.stop % 7)
    try resumed.resume(from: checkpoint)
    try resumed.fit(data, test: data)

    #expect(resumed.position == whole.position)
    #expect(try digest(resumed.model) == digest(whole.model))
    #expect(try state(resumed) == state(whole))
    // What an epoch came to includes the steps before the interruption.
    let remaining = wholeEpochs.all.suffix(resumedEpochs.all.count)
    #expect(resumedEpochs.all.count == 3 - test.stop / 7)
    for (found, wanted) in zip(resumedEpochs.all, remaining) {
      #expect(found.epoch == wanted.epoch)
      #expect(found.test == wanted.test)
      #expect(found.train.weight == 100)
      #expect(found.train[.hits] == wanted.train[.hits])
      #expect(abs(found.train.loss - wanted.train.loss) < 1e-9 * wanted.train.loss)
    }
  }

  private func trainer(_ test: Case, _ configuration: Configuration) throws -> (Trainer, EpochRecorder) {
    let trainer = try Trainer(drawing: smallNetwork(dropout: test.dropout), Classification(), configuration)
    let recorder = EpochRecorder()
    trainer.observers = [recorder]
    return (trainer, recorder)
  }

  private func state(_ trainer: Trainer) throws -> [String: [String: [UInt32]]] {
    try trainer.optimizer.slots.mapValues { try $0.mapValues(bits) }
  }

  /// The book's network with dropout, saved after every second step; each save goes on to the same end.
  @Test func everySaveOfAModelOfTheBook() throws {
    let entry = try #require(Zoo.model("mlp-dropout"))
    let data = ImageDataset(smallImages(40, side: 28))
    let folder = try TemporaryFolder()
    let configuration = Configuration(model: "mlp-dropout", epochs: 2, batchSize: 16, learningRate: 0.5, seed: 3)
    let whole = try Trainer(drawing: entry.make(ModelSizes()), Classification(), configuration)
    try whole.fit(data, saving: CheckpointPlan(CheckpointFolder(folder.path), every: .steps(2)))
    let files = try CheckpointFolder(folder.path).files()
    #expect(files.map { $0.suffix(5) } == ["06.h5", "04.h5", "02.h5"][...].map { $0[...] })
    for file in files {
      let resumed = try Trainer(drawing: entry.make(ModelSizes()), Classification(), configuration)
      try resumed.resume(from: CheckpointFolder.load(file).checkpoint)
      try resumed.fit(data)
      #expect(try digest(resumed.model) == digest(whole.model), "\(file)")
    }
  }

  /// The moments of Adam begin with zeros, and so must the count of steps that corrects them for it: as a new Adam's.
  @Test func anotherOptimizerStartsAnew() throws {
    let data = ImageDataset(smallImages(100))
    let folder = try TemporaryFolder()
    let plain = try Trainer(smallNetwork(), Classification(), smallConfiguration(epochs: 1))
    try plain.fit(data, saving: CheckpointPlan(CheckpointFolder(folder.path)))
    let (_, checkpoint) = try CheckpointFolder.load(folder.path)
    var configuration = smallConfiguration(epochs: 2, learningRate: 0.01)
    configuration.optimizer = .adam
    #expect(
      configuration.optimizerChange(from: checkpoint)
        == "was trained with sgd; adam starts with no memory, at its step 0")
    let resumed = try Trainer(smallNetwork(), Classification(), configuration)
    try resumed.resume(from: checkpoint)
    #expect(resumed.position.step == 7 && resumed.optimizer.stepCount == 0 && resumed.optimizer.slots.isEmpty)
    let before = try resumed.model.namedParameters.map { try $0.tensor.floats() }
    let sampler = Sampler(sampleCount: 100, batchSize: 16, seed: 7)
    let batch = try #require(try resumed.fetch(resumed.loader(data, sampler, epoch: 1)))
    try resumed.step(batch)
    // The first step of Adam is of the learning rate, whatever the gradient.
    for (old, new) in zip(before, try resumed.model.namedParameters.map { try $0.tensor.floats() }) {
      for (old, new) in zip(old, new) { #expect(abs(old - new) < 0.0101) }
    }
    #expect(resumed.optimizer.stepCount == 1)
    // adamw and lamb go on with the moments of adam, sgd and lars drop them.
    let moments = Checkpoint(
      model: checkpoint.model, optimizer: resumed.optimizer.slots, optimizerSteps: 1, position: resumed.position,
      configuration: try configuration.json())
    for (optimizer, drops) in [(Configuration.OptimizerName.adamw, false), (.lamb, false), (.lars, true)] {
      configuration.optimizer = optimizer
      #expect((configuration.optimizerChange(from: moments) != nil) == drops)
    }
    #expect(smallConfiguration().optimizerChange(from: moments) != nil)
  }

  @Test func anotherModelIsRefusedByName() throws {
    let folder = try TemporaryFolder()
    let trainer = try Trainer(drawing: smallNetwork(), Classification(), smallConfiguration(epochs: 0))
    try trainer.fit(ImageDataset(smallImages(20)), saving: CheckpointPlan(CheckpointFolder(folder.path)))
    let (_, checkpoint) = try CheckpointFolder.load(folder.path)
    let other = Sequential(Flatten(), Linear(64, 12), ReLU(), Linear(12, 10))
    let another = try Trainer(drawing: other, Classification(), smallConfiguration())
    let before = try digest(other)
    let text = try #require(message { try another.resume(from: checkpoint) })
    for part in ["3.weight is missing", "4.bias is unknown", "1.weight has shape [16, 64], not [12, 64]"] {
      #expect(text.contains(part), "\(text)")
    }
    #expect(!text.contains("\n"))
    // Nothing was loaded halfway.
    #expect(try digest(other) == before)
  }
}

/// Keeps what epochs came to.
final class EpochRecorder: TrainingObserver {
  private(set) var all: [EpochMetrics] = []
  func epochFinished(_ metrics: EpochMetrics) { all.append(metrics) }
}
