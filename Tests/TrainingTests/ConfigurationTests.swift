import Foundation
import HDF5Files
import Lockstep
import Testing

@testable import TestSupport
@testable import Training

/// What a training is told and what it tells.
@Suite struct ConfigurationTests {
  static let faults: [(String, @Sendable (inout Configuration) -> Void)] = [
    ("epochs is -1, but must be 0 or more", { $0.epochs = -1 }),
    ("steps is -3, but must be 0 or more", { $0.steps = -3 }),
    ("batch-size is 0, but must be at least 1", { $0.batchSize = 0 }),
    ("batch-size is 1073741825, but must be at most 1073741824", { $0.batchSize = 1 << 30 + 1 }),
    ("learning-rate is nan, but must be 0 or more, and finite", { $0.learningRate = .nan }),
    ("learning-rate is -0.5, but must be 0 or more, and finite", { $0.learningRate = -0.5 }),
    ("momentum is 1.0, but must be in 0..<1", { $0.momentum = 1 }),
    ("weight-decay is inf, but must be 0 or more, and finite", { $0.weightDecay = .infinity }),
    ("clip-norm is 0.0, but must be above 0", { $0.clipNorm = 0 }),
    ("slice-size is 0, but must be at least 1", { $0.sliceSize = 0 }),
    ("momentum is 0.9, but must be left out with adam", { ($0.optimizer, $0.momentum) = (.adam, 0.9) }),
    ("nesterov is true, but must be used with a momentum", { $0.nesterov = true }),
  ]

  @Test(arguments: faults) func wrongValuesAreNamed(
    _ text: String, _ change: @Sendable (inout Configuration) -> Void
  ) throws {
    var configuration = smallConfiguration()
    try configuration.validate()
    change(&configuration)
    let error = #expect(throws: ConfigurationError.self) { try configuration.validate() }
    #expect(error?.description == text)
    #expect(error?.kind == .usage)
    #expect(throws: ConfigurationError.self) { try Trainer(smallNetwork(), Classification(), configuration) }
  }

  @Test func survivesJSON() throws {
    var configuration = Configuration(
      model: "lenet", epochs: 10, steps: 99, batchSize: 256, learningRate: 0.1, optimizer: .adamw, weightDecay: 1e-4,
      clipNorm: 1.5, seed: .max)
    let json = try configuration.json()
    #expect(!json.contains("\n"))
    #expect(try Configuration(json: json, path: "x") == configuration)
    (configuration.steps, configuration.clipNorm) = (nil, nil)
    #expect(try Configuration(json: configuration.json(), path: "x") == configuration)
    for broken in ["", "{}", "[]", "{\"model\":3}", String(json.dropLast(4))] {
      let text = try #require(message { _ = try Configuration(json: broken, path: "c.h5") })
      #expect(text.hasPrefix("c.h5: its configuration can't be read: "))
      #expect(!text.contains("\n"), "\(text)")
    }
  }

  /// A checkpoint of the first Lockstep, which knew no texts, widths or precisions.
  @Test func olderTextsAreRead() throws {
    let json = #"""
      {"batchSize":256,"epochs":10,"learningRate":0.9,"model":"lenet","momentum":0,"nesterov":false,"optimizer":"sgd",
      "seed":7,"sizes":{"channels":1,"classes":10},"sliceSize":128,"weightDecay":0}
      """#
    let expected = Configuration(model: "lenet", epochs: 10, batchSize: 256, learningRate: 0.9, seed: 7, sliceSize: 128)
    #expect(try Configuration(json: json, path: "x") == expected)
  }

  @Test func everyFieldIsRead() throws {
    var changed = smallConfiguration()
    changed.sizes = .classes(3)
    (changed.sizes.channels, changed.sizes.features, changed.sizes.width) = (2, 5, 4)
    (changed.sizes.vocabulary, changed.sizes.targetVocabulary) = (11, 12)
    (changed.sampling, changed.maxTokens, changed.reproducible, changed.virtualShards) = (.random, 99, true, 4)
    changed.augmentation = Augmentation(cropPadding: 4, flips: true)
    changed.normalization = Normalization(means: [0.5], deviations: [0.25])
    (changed.convolution, changed.precision) = (.direct, .bf16)
    #expect(try Configuration(json: changed.json(), path: "x") == changed)
  }

  @Test func intervals() {
    #expect(CheckpointPlan.Interval("1epoch") == .epochs(1))
    #expect(CheckpointPlan.Interval("3epochs") == .epochs(3))
    #expect(CheckpointPlan.Interval("100steps") == .steps(100))
    #expect(CheckpointPlan.Interval("1step") == .steps(1))
    for wrong in ["", "epoch", "0epochs", "-1steps", "5", "5 steps", "5days", "99999999999999999999steps", "٣steps"] {
      #expect(CheckpointPlan.Interval(wrong) == nil, "\(wrong)")
    }
  }

  @Test func metricsAreLinesOfJSON() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("m.jsonl")
    let train = Totals(loss: 50, hits: 75, samples: 100)
    let tested = EpochMetrics(
      epoch: 1, step: 7, seconds: 1.5, train: train, test: Totals(loss: 3, hits: 1, samples: 4),
      examplesPerSecond: 1234.5, ranks: 2)
    let endless = EpochMetrics(
      epoch: 2, step: 14, seconds: 3, train: Totals(loss: .infinity, hits: 0, samples: 100), test: nil,
      examplesPerSecond: 1, ranks: 2)
    try MetricsWriter(path).epochFinished(tested)
    var position = TrainingPosition()
    position.step = 7
    try MetricsWriter(path, resumingAt: position).epochFinished(endless)
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
    #expect(
      lines == [
        #"{"event":"epoch","epoch":1,"step":7,"seconds":1.5,"train_loss":0.5,"train_accuracy":0.75,"test_loss":0.75,"#
          + #""test_accuracy":0.25,"examples_per_second":1234.5,"ranks":2}"#,
        #"{"event":"epoch","epoch":2,"step":14,"seconds":3.0,"train_loss":null,"train_accuracy":0.0,"#
          + #""examples_per_second":1.0,"ranks":2}"#,
      ])
    for line in lines {
      #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Foundation.Data(line.utf8)) }
    }
    _ = try MetricsWriter(path)
    #expect(try InputFile.bytes(of: path) == [])
    let error = #expect(throws: FileError.self) {
      try MetricsWriter(folder.file("missing/m.jsonl"))
    }
    #expect(error?.kind == .cannotWrite)
  }

  @Test func signalsAddUpOverRanks() throws {
    let mine = StepSignals(stop: SIGTERM, isFinite: true)
    #expect(mine.numbers == [0, 1, 0])
    #expect(StepSignals(stop: SIGINT, isFinite: true).numbers == [1, 0, 0])
    #expect(StepSignals(stop: nil, isFinite: true).stop == nil)
    // One rank was interrupted, another terminated: all terminate.
    #expect(StepSignals([1, 1, 0]).stop == SIGTERM)
    #expect(StepSignals([2, 0, 0]).stop == SIGINT)
    #expect(!StepSignals(stop: nil, isFinite: true).notFinite)
    #expect(StepSignals(stop: nil, isFinite: false).numbers == [0, 0, 1])
    #expect(StepSignals([0, 0, 3]).notFinite)
    let error = NotFiniteError(step: 3, ranks: [1, 2])
    #expect(error.description.contains("step 3 on rank 1, 2"))
    #expect(!error.description.contains("\n"))
  }

  @Test func progressReadsWell() {
    #expect(ProgressPrinter.grouped(24309.7) == "24,310")
    #expect(ProgressPrinter.grouped(999) == "999")
    #expect(ProgressPrinter.grouped(-1_234_567) == "-1,234,567")
    #expect(ProgressPrinter.grouped(.infinity) == "inf")
    #expect(ProgressPrinter.fixed(0.123456, 4) == "0.1235")
  }
}
