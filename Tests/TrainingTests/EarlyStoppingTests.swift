import Lockstep
import Testing

@testable import TestSupport
@testable import Training

/// Trainings that go by their own metrics.
@Suite struct EarlyStoppingTests {
  private static let (data, heldOut) = (ImageDataset(smallImages(60)), ImageDataset(smallImages(30, seed: 2)))

  private func configuration(_ texts: [String: String]) throws -> Configuration {
    try smallConfiguration(epochs: 12).with(texts)
  }

  private func metrics(_ loss: Double, epoch: Int = 1) -> EpochMetrics {
    EpochMetrics(
      epoch: epoch, step: epoch, seconds: 0, train: [.loss: 1, .hits: 1, .weight: 1],
      test: [.loss: loss, .hits: 1 / loss, .weight: 1], examplesPerSecond: 1, ranks: 1)
  }

  @Test func texts() {
    #expect(EarlyStopping(text: "valid_loss") == EarlyStopping("valid_loss", patience: 3))
    #expect(EarlyStopping(text: "test_accuracy:7")?.text == "test_accuracy:7")
    for wrong in ["", ":3", "loss:", "loss:0", "loss:-1", "loss:x", "loss:1:2", "a b"] {
      #expect(EarlyStopping(text: wrong) == nil, "\(wrong)")
    }
  }

  /// A loss that rises from the first epoch on: with a rate of 0 it stays, and so is never better.
  @Test func endsAfterItsPatience() throws {
    let configuration = try configuration(["early-stopping": "test_loss:4", "learning-rate": "0"])
    let trainer = try Trainer(drawing: smallNetwork(), Classification(), configuration)
    try trainer.fit(Self.data, test: Self.heldOut)
    #expect(trainer.position.epoch == 5)
    #expect(trainer.earlyStop?.hasPrefix("stopped early: test_loss has not been better than ") == true)
    #expect(trainer.earlyStop?.hasSuffix(" for 4 epochs") == true)
  }

  /// What was waited for is saved: a resumed training waits no longer than one that never stopped.
  @Test(arguments: [2, 4]) func survivesAResume(_ epochs: Int) throws {
    var configuration = try configuration(["early-stopping": "test_loss:4", "learning-rate": "0"])
    configuration.epochs = epochs
    let folder = try TemporaryFolder()
    let first = try Trainer(drawing: smallNetwork(), Classification(), configuration)
    try first.fit(Self.data, test: Self.heldOut, saving: CheckpointPlan(CheckpointFolder(folder.path)))
    configuration.epochs = 12
    let checkpoint = try CheckpointFolder.load(folder.path).checkpoint
    #expect(checkpoint.position.stopping.epochs == epochs - 1)
    let resumed = try Trainer(drawing: smallNetwork(), Classification(), configuration)
    try resumed.resume(from: checkpoint)
    try resumed.fit(Self.data, test: Self.heldOut)
    #expect(resumed.position.epoch == 5)
    // Of another metric nothing was waited for.
    configuration.earlyStopping = EarlyStopping("test_accuracy")
    let other = try Trainer(drawing: smallNetwork(), Classification(), configuration)
    try other.resume(from: checkpoint)
    #expect(other.position.stopping == Waiting())
  }

  @Test func unknownMetricsAreNamed() throws {
    for (option, texts) in [
      ("early-stopping", ["early-stopping": "valid_loss"]),
      ("schedule-metric", ["schedule": "plateau", "schedule-metric": "valid_loss"]),
    ] {
      let trainer = try Trainer(drawing: smallNetwork(), Classification(), configuration(texts))
      let error = #expect(throws: ConfigurationError.self) { try trainer.fit(Self.data, test: Self.heldOut) }
      #expect(
        error?.what
          == "\(option) is valid_loss, but must be one of train_loss, train_accuracy, test_loss, test_accuracy")
      #expect(trainer.position.step == 0)
    }
  }

  /// PyTorch's `ReduceLROnPlateau(factor=0.5, patience=2)` and `(factor=0.1, patience=0, min_lr=0.005)` in mode "min", and
  /// `(factor=0.3, patience=1)` in mode "max" on the reciprocals, from a rate of 1: the rates after each of these losses.
  private static let losses = [
    1, 0.9, 0.9, 0.95, 0.89, 0.88995, 0.8899, 0.9, 0.9, 0.9, 0.5, 0.6, Double.infinity, 0.6, 0.6, 0.6, 0.6, 0.4, 0.5,
    0.5,
  ]
  static let plateaus: [(texts: [String: String], rates: [Double])] = [
    (
      ["schedule-factor": "0.5", "schedule-patience": "2"],
      [1, 1, 1, 1, 1, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125, 0.125, 0.125, 0.125]
    ),
    (
      ["schedule-factor": "0.1", "schedule-patience": "0", "schedule-end": "0.005"],
      [1, 1, 0.1, 0.01, 0.01] + [Double](repeating: 0.005, count: 15)
    ),
    (
      ["schedule-factor": "0.3", "schedule-patience": "1", "schedule-metric": "test_accuracy"],
      [1, 1, 1, 0.3, 0.3, 0.3, 0.3, 0.3] + [0.09, 0.09, 0.09, 0.09, 0.027, 0.027, 0.0081, 0.0081]
        + [0.00243, 0.00243, 0.00243, 0.000729]
    ),
  ]

  @Test(arguments: plateaus) func plateausAsInPyTorch(_ texts: [String: String], _ rates: [Double]) throws {
    let all = texts.merging(["schedule": "plateau", "learning-rate": "1"]) { first, _ in first }
    let trainer = try Trainer(drawing: smallNetwork(), Classification(), configuration(all))
    for (index, (loss, rate)) in zip(Self.losses, rates).enumerated() {
      trainer.note(metrics(loss))
      #expect(abs(trainer.position.plateau.factor - rate) < 1e-12, "epoch \(index + 1)")
    }
  }

  /// The rate of the next step is what the plateau left, and a resumed training goes on with it.
  @Test func lowersTheRate() throws {
    let folder = try TemporaryFolder()
    let whole = try configuration([
      "schedule": "plateau", "schedule-patience": "0", "schedule-factor": "0.5", "schedule-metric": "test_accuracy",
      "learning-rate": "0.5",
    ])
    var part = whole
    part.epochs = 7
    let (first, wanted) = (
      try Trainer(drawing: smallNetwork(), Classification(), part),
      try Trainer(drawing: smallNetwork(), Classification(), whole)
    )
    try wanted.fit(Self.data, test: Self.heldOut)
    #expect(wanted.position.plateau.factor < 1)
    #expect(wanted.optimizer.groups[0].learningRate < 0.5)
    try first.fit(Self.data, test: Self.heldOut, saving: CheckpointPlan(CheckpointFolder(folder.path)))
    let resumed = try Trainer(drawing: smallNetwork(), Classification(), whole)
    try resumed.resume(from: CheckpointFolder.load(folder.path).checkpoint)
    try resumed.fit(Self.data, test: Self.heldOut)
    #expect(try digest(resumed.model) == digest(wanted.model))
    #expect(resumed.position == wanted.position)
  }
}
