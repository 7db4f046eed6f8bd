import Lockstep
import Testing

@testable import TestSupport
@testable import Training

/// The learning rate over the steps of a training.
@Suite struct ScheduleTests {
  /// PyTorch 2's StepLR, MultiStepLR, CosineAnnealingLR and LinearLR (from 1) with a rate of 1, steps 0 to 6.
  static let cases: [(Schedule, [Double])] = [
    (.constant, [1, 1, 1, 1, 1, 1, 1]),
    (.step(period: 2, factor: 0.5), [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]),
    (.multistep([1, 4], factor: 0.1), [1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01]),
    (.cosine(steps: 4, end: 0.2), [1, 0.8828427124746191, 0.6, 0.3171572875253810, 0.2, 0.2, 0.2]),
    (.linear(steps: 4), [1, 0.75, 0.5, 0.25, 0, 0, 0]),
    (.linear(steps: 2, end: 0.5), [1, 0.75, 0.5, 0.5, 0.5, 0.5, 0.5]),
    (.warmUp(steps: 3, then: .step(period: 2, factor: 0.1)), [0, 1 / 3, 2 / 3, 1, 1, 0.1, 0.1]),
  ]

  @Test(arguments: cases) func factors(_ schedule: Schedule, _ expected: [Double]) {
    for (step, factor) in expected.enumerated() {
      #expect(abs(schedule.factor(at: step) - factor) < 1e-12, "step \(step): \(schedule.factor(at: step))")
    }
  }

  @Test func fromOptions() throws {
    let configuration = smallConfiguration()
    func made(_ texts: [String: String]) throws -> Schedule { try configuration.with(texts).makeSchedule() }
    #expect(try made([:]) == .constant)
    #expect(try made(["schedule": "step", "schedule-steps": "30"]) == .step(period: 30, factor: 0.1))
    #expect(
      try made(["schedule": "multistep", "schedule-steps": "3,7", "schedule-factor": "0.5"])
        == .multistep([3, 7], factor: 0.5))
    #expect(
      try made(["schedule": "cosine", "schedule-steps": "9", "schedule-end": "0.1", "warmup": "2"])
        == .warmUp(steps: 2, then: .cosine(steps: 9, end: 0.1)))
    #expect(try made(["warmup": "5"]) == .warmUp(steps: 5))
    #expect(try made(["warmup": "5", "warmup-start": "0.25"]) == .warmUp(steps: 5, start: 0.25))
  }

  /// Four times the batch, four times the rate, reached after five epochs or a quarter of the training from the old one.
  @Test func growsWithTheRanks() throws {
    let small = smallConfiguration(epochs: 90, batchSize: 256, learningRate: 0.1)
    let grown = try small.scaled(by: 4).warmedUp(from: 4, stepsPerEpoch: 10)
    #expect(grown.batchSize == 1024 && grown.learningRate == 0.4 && grown.warmup == 50 && grown.warmupStart == 0.25)
    #expect(try grown.makeSchedule() == .warmUp(steps: 50, start: 0.25))
    #expect(
      grown.scalingText(by: 4)
        == "scale-batch: 4 × 256 samples are 1024 a step; learning rate 4 × 0.1 is 0.4, reached within 50 steps from 0.1"
    )
    #expect(grown.scalingText(by: nil) == "scale-batch: goes on with 1024 samples a step and learning rate 0.4")
    var short = try small.scaled(by: 4)
    short.epochs = 6
    #expect(short.warmedUp(from: 4, stepsPerEpoch: 10).warmup == 15)
    short.steps = 12
    #expect(short.warmedUp(from: 4, stepsPerEpoch: 10).warmup == 3)
    (short.epochs, short.steps) = (.max, nil)
    #expect(short.warmedUp(from: 4, stepsPerEpoch: .max).warmup == 1 << 40)
    short.warmup = 7
    #expect(short.warmedUp(from: 4, stepsPerEpoch: 10) == short)
    // One rank grows nothing, and what is too large is refused.
    let alone = try small.scaled(by: 1)
    #expect(alone.batchSize == 256 && alone.warmedUp(from: 1, stepsPerEpoch: 10).warmup == 0)
    #expect(throws: ConfigurationError.self) { try small.scaled(by: .max) }
    #expect(throws: ConfigurationError.self) { try small.scaled(by: 1 << 23).validate() }
  }

  /// Without a length of its own a schedule takes all steps, those of the warm-up taken off; once it has one, it keeps it.
  @Test func spansTheTraining() throws {
    var configuration = try smallConfiguration(epochs: 3).with(["schedule": "linear", "warmup": "4"])
    #expect(configuration.spanningSchedule(stepsPerEpoch: 10).scheduleSteps == [26])
    configuration.steps = 15
    #expect(configuration.spanningSchedule(stepsPerEpoch: 10).scheduleSteps == [11])
    (configuration.epochs, configuration.steps) = (.max, nil)
    #expect(configuration.spanningSchedule(stepsPerEpoch: 10).scheduleSteps == [.max - 4])
    configuration.scheduleSteps = [7]
    #expect(configuration.spanningSchedule(stepsPerEpoch: 10) == configuration)
    #expect(smallConfiguration().spanningSchedule(stepsPerEpoch: 10).scheduleSteps == nil)
  }

  /// A training that is resumed goes on in the schedule, and takes it from its checkpoint.
  @Test func survivesAResume() throws {
    let data = ImageDataset(smallImages(60))
    let configuration = try smallConfiguration(epochs: 2).with([
      "schedule": "cosine", "schedule-steps": "6", "warmup": "2", "momentum": "0.9",
    ])
    let whole = try Trainer(drawing: smallNetwork(), Classification(), configuration)
    try whole.fit(data)
    var first = configuration
    first.steps = 5
    let folder = try TemporaryFolder()
    try Trainer(drawing: smallNetwork(), Classification(), first).fit(
      data, saving: CheckpointPlan(CheckpointFolder(folder.path)))
    let (path, checkpoint) = try CheckpointFolder.load(folder.path)
    var saved = try Configuration(json: checkpoint.configuration, path: path)
    #expect(saved == first)
    saved.steps = nil
    let resumed = try Trainer(drawing: smallNetwork(), Classification(), saved)
    try resumed.resume(from: checkpoint)
    try resumed.fit(data)
    #expect(try digest(resumed.model) == digest(whole.model))
    let constant = try Trainer(
      smallNetwork(), Classification(), configuration.with(["schedule": "constant"]).unscheduled)
    try constant.fit(data)
    #expect(try digest(constant.model) != digest(whole.model))
  }
}

extension Configuration {
  fileprivate var unscheduled: Configuration {
    var result = self
    (result.scheduling.schedule, result.scheduling.scheduleSteps) = (.constant, nil)
    return result
  }
}
