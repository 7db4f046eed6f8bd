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
    ("clip-norm is inf, but must be above 0, and finite", { $0.clipNorm = .infinity }),
    ("random-crop is 1025, but must be in 0…1024", { $0.randomCrop = 1025 }),
    ("virtual-shards is 0, but must be in 1…4096", { $0.virtualShards = 0 }),
    ("schedule is step, which needs --schedule-steps", { $0.schedule = .step }),
    ("schedule is cosine, which needs --schedule-steps", { $0.schedule = .cosine }),
    ("schedule-steps is 5, but must be left out with the schedule constant", { $0.scheduleSteps = [5] }),
    ("schedule-steps is 0, but must be at least 1", { ($0.schedule, $0.scheduleSteps) = (.linear, [0]) }),
    (
      "schedule-steps is 1,2, but must be one number with the schedule step",
      { ($0.schedule, $0.scheduleSteps) = (.step, [1, 2]) }
    ),
    (
      "schedule-steps is 3,3, but must be in rising order", { ($0.schedule, $0.scheduleSteps) = (.multistep, [3, 3]) }
    ),
    ("slice-size is 0, but must be at least 1", { $0.sliceSize = 0 }),
    ("momentum is 0.9, but must be left out with adam", { ($0.optimizer, $0.momentum) = (.adam, 0.9) }),
    ("accumulate is 0, but must be at least 1", { $0.accumulate = 0 }),
    (
      "accumulate is 2, but must be left out with --reproducible: its virtual shards are such slices already",
      { ($0.reproducible, $0.accumulate) = (true, 2) }
    ),
    ("compression-rank is 0, but must be in 1…1024", { $0.compressionRank = 0 }),
    (
      "compression is bf16, but must be left out with --reproducible, whose sums are exact",
      { ($0.reproducible, $0.compression) = (true, .bf16) }
    ),
    ("outer-learning-rate is 0.0, but must be above 0", { $0.outerLearningRate = 0 }),
    ("outer-momentum is 1.0, but must be in 0..<1", { $0.outerMomentum = 1 }),
    (
      "local-steps is 5, but must be left out with --reproducible", { ($0.reproducible, $0.localSteps) = (true, 5) }
    ),
    (
      "shard-optimizer is true, but must be left out with --local-steps, where each rank's memory is its own",
      { ($0.shardOptimizer, $0.localSteps) = (true, 5) }
    ),
    (
      "ema is 0.9, but must be left out with --local-steps, where weights are each rank's own",
      { ($0.ema, $0.localSteps) = (0.9, 5) }
    ),
    ("ema is 1.0, but must be in 0..<1", { $0.ema = 1 }),
    ("beta2 is 0.5, but must be left out with sgd", { $0.beta2 = 0.5 }),
    ("rho is 0.5, but must be left out with adam", { ($0.optimizer, $0.rho) = (.adam, 0.5) }),
    ("centered is true, but must be left out with adagrad", { ($0.optimizer, $0.centered) = (.adagrad, true) }),
    ("epsilon is 0.5, but must be left out with lars", { ($0.optimizer, $0.epsilon) = (.lars, 0.5) }),
    ("epsilon is -1.0, but must be 0 or more, and finite", { ($0.optimizer, $0.epsilon) = (.adam, -1) }),
    (
      "learning-rate is head=-1.0,*=0.1, but must be 0 or more, and finite",
      { $0.optimization.learningRate = PerParameter(text: "head=-1,*=0.1") ?? 0.0 }
    ),
    ("schedule-metric is valid_loss, but must be used with plateau", { $0.scheduleMetric = "valid_loss" }),
    (
      "schedule-steps is 5, but must be left out with the schedule plateau",
      { ($0.schedule, $0.scheduleSteps) = (.plateau, [5]) }
    ),
    ("schedule-patience is -1, but must be 0 or more", { $0.schedulePatience = -1 }),
    ("schedule-power is 0.0, but must be above 0", { $0.schedulePower = 0 }),
    ("schedule-rise is 2.0, but must be in 0…1", { $0.scheduleRise = 2 }),
    ("nesterov is true, but must be used with a momentum", { $0.nesterov = true }),
    (
      "nesterov is true, but must be left out with lars",
      { ($0.optimizer, $0.momentum, $0.nesterov) = (.lars, 0.9, true) }
    ),
    ("momentum is 0.9, but must be left out with lamb", { ($0.optimizer, $0.momentum) = (.lamb, 0.9) }),
  ]

  @Test(arguments: faults) func wrongValuesAreNamed(
    _ text: String, _ change: @Sendable (inout Configuration) -> Void
  ) throws {
    var configuration = smallConfiguration()
    try configuration.validate()
    change(&configuration)
    let error = #expect(throws: ConfigurationError.self) {
      try configuration.validate()
      _ = try configuration.makeSchedule()
    }
    #expect(error?.description == text)
    #expect(error?.kind == .usage)
    #expect(throws: ConfigurationError.self) { try Trainer(drawing: smallNetwork(), Classification(), configuration) }
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

  /// The configurations of checkpoints that the first Lockstep wrote, which knew no schedules, and its beginnings, which
  /// knew no texts, widths or precisions.
  @Test func olderTextsAreRead() throws {
    let lenet = #"""
      {"batchSize":256,"epochs":10,"learningRate":0.9,"model":"lenet","momentum":0,"nesterov":false,"optimizer":"sgd",
      "seed":7,"sizes":{"channels":1,"classes":10},"sliceSize":128,"weightDecay":0}
      """#
    var expected = Configuration(
      model: "lenet", epochs: 10, batchSize: 256, learningRate: 0.9, seed: 7, sliceSize: 128)
    #expect(try Configuration(json: lenet, path: "x") == expected)
    let images = #"""
      {"augmentation":{"cropPadding":2,"flips":true},"batchSize":100,"clipNorm":1.5,"convolution":"direct","epochs":10,
      "learningRate":0.9,"model":"lenet","momentum":0,"nesterov":false,"normalization":{"deviations":[0.5],
      "means":[0.25]},"optimizer":"adamw","precision":"float32","reproducible":true,"seed":18446744073709551615,
      "sizes":{"channels":1,"classes":10,"features":1,"targetVocabulary":28,"vocabulary":28,"width":1},"sliceSize":32,
      "steps":2,"virtualShards":8,"weightDecay":0.01}
      """#
    expected = Configuration(
      model: "lenet", epochs: 10, steps: 2, batchSize: 100, learningRate: 0.9, optimizer: .adamw, weightDecay: 0.01,
      clipNorm: 1.5, seed: .max, sliceSize: 32)
    (expected.randomCrop, expected.randomFlip) = (2, true)
    expected.normalization = Normalization(means: [0.25], deviations: [0.5])
    (expected.convolution, expected.reproducible) = (.direct, true)
    // Once all models had a width, most of them 1.
    expected.sizes.width = 1
    #expect(try Configuration(json: images, path: "x") == expected)
    let text = #"""
      {"batchSize":32,"clipNorm":1,"convolution":"automatic","epochs":500,"learningRate":1,"maxTokens":900,"model":"rnn",
      "momentum":0,"nesterov":false,"optimizer":"sgd","precision":"float32","reproducible":false,"sampling":"random",
      "seed":0,"sizes":{"channels":1,"classes":10,"features":1,"targetVocabulary":28,"vocabulary":13,"width":1},
      "sliceSize":9223372036854775807,"steps":2,"virtualShards":8,"weightDecay":0}
      """#
    expected = Configuration(model: "rnn", epochs: 500, steps: 2, batchSize: 32, learningRate: 1, clipNorm: 1)
    (expected.sampling, expected.maxTokens, expected.sizes.vocabulary) = (.random, 900, 13)
    expected.sizes.width = 1
    #expect(try Configuration(json: text, path: "x") == expected)
    #expect(try expected.makeSchedule() == .constant)
  }

  /// A setting is declared once: here is one of each, and nothing is said of it anywhere else.
  @Test func everySettingIsAnOptionAFieldAndALine() throws {
    let texts = [
      "epochs": "3", "steps": "4", "batch-size": "5", "learning-rate": "0.125", "optimizer": "adamw",
      "momentum": "0.5", "nesterov": "true", "weight-decay": "0.25", "clip-norm": "2.5", "on-nan": "skip",
      "beta1": "0.8", "beta2": "0.95", "alpha": "0.9", "centered": "true", "rho": "0.75", "epsilon": "0.001",
      "muon-scaling": "original", "weight-decay-on": "matrices", "ema": "0.99", "early-stopping": "valid_loss:4",
      "schedule-power": "2.0", "schedule-rise": "0.5", "schedule-metric": "valid_loss", "schedule-patience": "3",
      "schedule": "multistep",
      "schedule-steps": "7,9", "schedule-factor": "0.5", "schedule-end": "0.75", "warmup": "6",
      "warmup-start": "0.25", "scale-batch": "true",
      "sampling": "sequential", "max-tokens": "99", "random-crop": "4", "random-flip": "true",
      "augment": "crop:2,rotate:7.5,mixup:0.4",
      "normalize": "0.5,0.25:0.125,2.0", "seed": "18446744073709551615", "reproducible": "true",
      "virtual-shards": "16", "checkpoint-activations": "true", "audit": "50", "kernels": "onednn",
      "convolution": "direct", "precision": "bf16",
      "slice-size": "77", "memory": "64MB", "shuffle": "windowed", "window": "1MB", "on-bad-chunk": "skip",
      "validation": "0.25",
      "stratify": "true", "train-first": "900", "limit": "800", "class-weights": "balanced",
      "accumulate": "3", "compression": "int8", "compression-rank": "2", "local-steps": "20",
      "from": "weights.safetensors", "freeze": "features.*", "replace-head": "true",
      "outer-learning-rate": "0.5", "outer-momentum": "0.25", "shard-optimizer": "true",
    ]
    let standard = Configuration(model: "small")
    #expect(Set(standard.settings.map(\.option)) == Set(texts.keys))
    let changed = try standard.with(texts)
    for (old, new) in zip(standard.settings, changed.settings) {
      #expect(new.setting.text == texts[new.option])
      #expect(!new.setting.declaration.help.isEmpty)
      // Alone, it makes another configuration, which JSON keeps and ranks see.
      let alone = try standard.with([new.option: new.setting.text ?? ""])
      #expect(try Configuration(json: alone.json(), path: "x") == alone)
      guard new.option != "kernels" else { continue }
      #expect(alone != standard && old.setting.text != new.setting.text)
      #expect(
        zip(alone.lines, standard.lines).filter { $0 != $1 }.map(\.0) == ["\(new.option) \(new.setting.text ?? "")"])
    }
    // Neither was changed by what was made of it.
    #expect(standard == Configuration(model: "small"))
    #expect(try Configuration(json: changed.json(), path: "x") == changed)
    #expect((changed.scheduleSteps, changed.normalization?.means) == ([7, 9], [0.5, 0.25]))
  }

  @Test func wrongTextsAreNamed() throws {
    let numbers = [
      ("epochs", "x", "a whole number"),
      ("learning-rate", "fast", "a number, or numbers of parameters by their names such as head=0.001,*=0.0001"),
      ("seed", "-1", "a whole number from 0 to 18446744073709551615"),
    ]
    for (option, text, wanted) in numbers {
      let found = message { _ = try smallConfiguration().with([option: text]) }
      #expect(found == "the value '\(text)' is invalid for '--\(option)': expected \(wanted)")
    }
    let faults = [
      ("reproducible", "yes", "true or false"),
      ("optimizer", "rms", "sgd, adam, adamw, adagrad, rmsprop, adadelta, muon, lars or lamb"),
      ("convolution", "fft", "automatic or direct"),
      (
        "early-stopping", "valid_loss:0", "a metric, and the epochs that it is waited for: valid_loss or valid_loss:5"
      ),
      ("schedule-steps", "1;2", "a number of steps, or several such as 1000,2000"),
      ("normalize", "1:2,3", "data, or as many means as deviations such as 0.5,0.5,0.5:0.2,0.2,0.2"),
    ]
    for (option, text, wanted) in faults {
      let found = message { _ = try smallConfiguration().with([option: text]) }
      #expect(found == "\(option) is '\(text)', but must be \(wanted)")
    }
  }

  @Test func whatMustStayWithinAnEpoch() throws {
    let old = smallConfiguration()
    var new = old
    (new.learningRate, new.epochs, new.sampling, new.batchSize) = (3, 99, .random, 8)
    let changes = new.changesWithinEpoch(from: old)
    #expect(changes.map(\.option) == ["batch-size", "sampling"])
    #expect(changes.map(\.value) == ["8", "random"] && changes.map(\.old) == ["16", "none"])
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
    let train = Totals([.loss, .hits, .weight], [50, 75, 100])
    let tested = EpochMetrics(
      epoch: 1, step: 7, seconds: 1.5, train: train, test: [.loss: 3, .hits: 1, .weight: 4],
      examplesPerSecond: 1234.5, ranks: 2)
    let endless = EpochMetrics(
      epoch: 2, step: 14, seconds: 3, train: [.loss: .infinity, .hits: 0, .weight: 100], test: nil,
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
    #expect(mine.numbers == [0, 0, 1, 0])
    #expect(StepSignals(stop: SIGINT, isFinite: true).numbers == [0, 1, 0, 0])
    #expect(StepSignals(stop: nil, isFinite: true).stop == nil)
    // One rank was interrupted, another terminated: all terminate.
    #expect(StepSignals([0, 1, 1, 0]).stop == SIGTERM)
    #expect(StepSignals([0, 2, 0, 0]).stop == SIGINT)
    #expect(!StepSignals(stop: nil, isFinite: true).notFinite)
    #expect(StepSignals(stop: nil, isFinite: false).numbers == [0, 0, 0, 1])
    #expect(StepSignals([0, 0, 0, 3]).notFinite)
    var error = NotFiniteError(place: .gradient("0.bias"), step: 3, epoch: 1, ranks: [1, 2])
    #expect(error.description.hasPrefix("the gradient of 0.bias is not finite at step 3 on rank 1, 2 (epoch 1): "))
    error.skipped = 10
    #expect(error.description.hasPrefix("after 10 skipped steps in a row, the gradient of "))
    #expect(!error.description.contains("\n"))
    #expect(StepSignals([2, 0, 0, 0]).stop == SIGHUP)
    #expect(StepSignals([1, 1, 0, 0]).stop == SIGINT)
  }

  @Test func progressReadsWell() {
    #expect(ProgressPrinter.grouped(24309.7) == "24,310")
    #expect(ProgressPrinter.grouped(999) == "999")
    #expect(ProgressPrinter.grouped(-1_234_567) == "-1,234,567")
    #expect(ProgressPrinter.grouped(.infinity) == "inf")
    #expect(ProgressPrinter.fixed(0.123456, 4) == "0.1235")
  }
}
