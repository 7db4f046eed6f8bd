import Lockstep
import Synchronization
import Testing

@testable import DataParallel
@testable import TestSupport
@testable import Training

/// What trainers ask of a strategy, whichever it is.
@Suite(.timeLimit(.minutes(10))) struct StrategyTests {
  private static func configuration(_ isReproducible: Bool) -> Configuration {
    var result = smallConfiguration(epochs: 2, batchSize: 16)
    (result.reproducible, result.virtualShards) = (isReproducible, 4)
    return result
  }

  /// Sums and notes of a step, each rank's with a few slices or none.
  @Test(arguments: [false, true], 1...6) func sumsAndNotesOfAllRanks(_ isReproducible: Bool, _ ranks: Int) throws {
    let found = try simulated(ranks) { communicator -> [Double] in
      let replica = Replica(Sequential(Linear(2, 1)), SGD([]))
      let strategy = try Self.configuration(isReproducible).makeStrategy(replica, communicator)
      var all: [Double] = []
      for step in 0..<2 {
        try strategy.beginStep()
        for slice in strategy.sharding.slices(of: 7) { try strategy.endSlice([Double(slice.count), 0.1]) }
        let result = try strategy.reduce([1, Double(communicator.rank), Double(step)], sumCount: 2)
        all += result.sums + result.notes
      }
      return all
    }
    let slices = isReproducible ? 4 : min(7, ranks)
    let total = [7, 0.1 * Double(slices), Double(ranks), Double(ranks * (ranks - 1) / 2)]
    for rank in found {
      for (number, wanted) in zip(rank, total + [0] + total + [Double(ranks)]) { #expect(abs(number - wanted) < 1e-12) }
    }
    // The same bits on all ranks, and in reproducible mode on any number of them.
    #expect(Set(found).count == 1)
    if isReproducible { #expect(found[0][1] == (0.1 + 0.1) + (0.1 + 0.1)) }
  }

  /// Messages of a step: gradients of this model fill one bucket, and sums and signals go along. In reproducible mode the
  /// gradients travel between pairs of ranks.
  @Test(arguments: [(false, 2), (true, 1)]) func messagesOfAStep(_ isReproducible: Bool, _ wanted: Int) throws {
    for ranks in 2...3 {
      let counts = try simulated(ranks) { communicator -> [Int] in
        let trainer = try Trainer(
          drawing: smallNetwork(), Classification(), Self.configuration(isReproducible), on: communicator)
        let data = ImageDataset(smallImages(64))
        let loader = trainer.loader(data, Sampler(of: data, batchSize: 16), epoch: 0)
        var counts: [Int] = []
        while let batch = try trainer.fetch(loader) {
          let before = communicator.collectiveCount
          try trainer.step(batch)
          counts.append(communicator.collectiveCount - before)
        }
        return counts
      }
      #expect(counts == Array(repeating: [Int](repeating: wanted, count: 4), count: ranks))
    }
  }

  /// Weight decay moves what is trained, and nothing else.
  @Test(arguments: [false, true], [1, 2, 3]) func frozenParametersStay(_ isReproducible: Bool, _ ranks: Int) throws {
    let moved = try simulated(ranks) { communicator -> [String] in
      let model = smallNetwork()
      model.initializeAll(seed: 1)
      var configuration = Self.configuration(isReproducible)
      (configuration.weightDecay, configuration.momentum) = (0.1, 0.9)
      for name in ["1.weight", "1.bias"] { model.tensor(named: name)?.requiresGradient = false }
      let trainer = try Trainer(model, Classification(), configuration, on: communicator)
      let before = try Dictionary(uniqueKeysWithValues: model.state.map { ($0.name, try bits($0.tensor)) })
      try trainer.fit(ImageDataset(smallImages(50)))
      return try model.state.filter { try bits($0.tensor) != before[$0.name] }.map(\.name)
    }
    #expect(moved == Array(repeating: ["4.weight", "4.bias"], count: ranks))
  }

  /// Two layers, of which a forward pass uses the first only.
  private final class HalfUsed: Module {
    let used = Linear(64, 10), unused = Linear(64, 10)
    override func forward(_ input: Tensor) -> Tensor { used(input.flattened()) }
  }

  /// A parameter without a gradient stays, on any number of ranks, also where some have no sample.
  @Test(arguments: [false, true], [1, 2, 3, 20]) func unusedParametersStay(_ isReproducible: Bool, _ ranks: Int) throws
  {
    let moved = try simulated(ranks) { communicator -> [String] in
      let model = HalfUsed()
      model.initializeAll(seed: 1)
      var configuration = Self.configuration(isReproducible)
      (configuration.weightDecay, configuration.momentum) = (0.1, 0.9)
      let trainer = try Trainer(model, Classification(), configuration, on: communicator)
      let before = try Dictionary(uniqueKeysWithValues: model.state.map { ($0.name, try bits($0.tensor)) })
      try trainer.fit(ImageDataset(smallImages(50)))
      return try model.state.filter { try bits($0.tensor) != before[$0.name] }.map(\.name)
    }
    #expect(moved == Array(repeating: ["used.weight", "used.bias"], count: ranks))
  }

  /// Frozen in the first epoch, trained in the second; the ranks come to what one process does.
  @Test func layersCanBeFreedLater() throws {
    @Sendable func train(_ communicator: Communicator) throws -> String {
      let model = smallNetwork()
      let trainer = try Trainer(drawing: model, Classification(), Self.configuration(true), on: communicator)
      model.tensor(named: "1.weight")?.requiresGradient = false
      _ = try trainer.fitEpoch(ImageDataset(smallImages(50)), test: nil, since: 0)
      let frozen = try digest(model)
      model.tensor(named: "1.weight")?.requiresGradient = true
      _ = try trainer.fitEpoch(ImageDataset(smallImages(50)), test: nil, since: 0)
      return try "\(frozen) \(digest(model))"
    }
    let alone = try train(.alone)
    #expect(try Set(simulated(3, train)) == [alone])
  }

  @Test func anotherFrozenLayerIsRefused() throws {
    let error = #expect(throws: DisagreementError.self) {
      try SimulatedJob.run(ranks: 2) { communicator in
        let model = smallNetwork()
        if communicator.rank == 1 { model.tensor(named: "1.bias")?.requiresGradient = false }
        _ = try Trainer(model, Classification(), Self.configuration(false), on: communicator)
      }
    }
    #expect(error?.description.contains("frozen") == true)
  }

  /// A strategy of one's own: each rank by itself, without statistics.
  private final class Separate: Strategy {
    let replica: Replica
    let communicator: Communicator
    let sharding: Sharding
    let statistics = StatisticsScope.none
    private var sums: [Double] = []

    init(_ replica: Replica, _ communicator: Communicator) {
      (self.replica, self.communicator) = (replica, communicator)
      sharding = Sharding(rank: communicator.rank, rankCount: communicator.size)
    }

    func beginStep() { sums = [] }
    func gradientReady(_ tensor: Tensor) {}
    func endSlice(_ sums: [Double]) { self.sums = sums }
    func reduce(_ notes: [Double], sumCount: Int) throws -> (sums: [Double], notes: [Double]) {
      (sums.isEmpty ? [Double](repeating: 0, count: sumCount) : sums, notes)
    }
    func verify(step: Int) {}
  }

  @Test func aStrategyOfOnesOwn() throws {
    let model = smallNetwork()
    model.initializeAll(seed: 7)
    let trainer = try Trainer(model, Classification(), smallConfiguration(), strategy: Separate.init)
    try trainer.fit(ImageDataset(smallImages(40)))
    let usual = try Trainer(drawing: smallNetwork(), Classification(), smallConfiguration())
    try usual.fit(ImageDataset(smallImages(40)))
    #expect(try digest(model) == digest(usual.model))
  }

  @Test func aStrategyThatDoesNotFitTheModelIsRefused() throws {
    let model = Sequential(Conv2D(1, 2, kernel: 3), BatchNorm2D(2), Flatten(), Linear(72, 10))
    let error = #expect(throws: ConfigurationError.self) {
      try Trainer(model, Classification(), smallConfiguration(), strategy: Separate.init)
    }
    #expect(error?.description == "Separate has no statistics of a batch, which layer 1 (BatchNorm2D) needs")
    #expect(error.map { failureKind(of: $0) } == .usage)
  }

  /// A trainer takes the weights it is given, unless told to draw them.
  @Test func weightsAreKeptUnlessDrawn() throws {
    let model = smallNetwork()
    let before = try digest(model)
    _ = try Trainer(model, Classification(), smallConfiguration())
    #expect(try digest(model) == before)
    _ = try Trainer(drawing: model, Classification(), smallConfiguration())
    let twin = smallNetwork()
    twin.initializeAll(seed: smallConfiguration().seed)
    #expect(try digest(model) == digest(twin))
    #expect(try digest(model) != before)
  }

  /// A step that failed in the middle leaves nothing to the next one.
  @Test(arguments: [false, true]) func aFailedStepIsForgotten(_ isReproducible: Bool) throws {
    var configuration = Self.configuration(isReproducible)
    configuration.sliceSize = 4
    let (data, fragile) = (ImageDataset(smallImages(16)), Fragile())
    func batches(_ trainer: Trainer) throws -> StepBatch {
      try #require(try trainer.fetch(trainer.loader(data, Sampler(of: data, batchSize: 16), epoch: 0)))
    }
    let disturbed = try Trainer(drawing: smallNetwork(), fragile, configuration)
    let good = try batches(disturbed)
    fragile.failing.withLock { $0 = good.slices[2].samples[0] }
    #expect(throws: TensorError.self) { try disturbed.step(good) }
    fragile.failing.withLock { $0 = -1 }
    try disturbed.step(good)
    let undisturbed = try Trainer(drawing: smallNetwork(), Classification(), configuration)
    try undisturbed.step(batches(undisturbed))
    #expect(try digest(disturbed.model) == digest(undisturbed.model))
  }

  /// Classification that fails at one sample.
  private final class Fragile: Objective {
    let failing = Mutex(-1)
    let sums = Classification().sums
    func loss(of outputs: Tensor, on batch: Batch) throws -> (sum: Tensor, totals: Totals) {
      if batch.samples.first == failing.withLock({ $0 }) { throw TensorError("loss", "fails") }
      return try Classification().loss(of: outputs, on: batch)
    }
  }
}

/// Named sums, and objectives that name their own.
@Suite struct TotalsTests {
  /// Counts what the library's objectives don't.
  private struct Absolute: Objective {
    var sums: [SumName] = [.loss, .weight, "large"]
    func loss(of outputs: Tensor, on batch: Batch) throws -> (sum: Tensor, totals: Totals) {
      let loss = (outputs - batch.targets).abs().sum()
      return (loss, ["large": 2, .weight: Double(batch.samples.count), .loss: try loss.item()])
    }
    func measures(of totals: Totals) -> [Measure] {
      [Measure("loss", totals.meanLoss), Measure("large", totals.mean(of: "large"))]
    }
  }

  @Test func sumsAddUpByName() {
    var totals: Totals = [.loss: 6, .weight: 2]
    totals += [.loss: 1, .weight: 2]
    #expect(totals == [.loss: 7, .weight: 4])
    totals += ["extra": 8, .loss: 1]
    #expect(totals[.loss] == 8 && totals["extra"] == 8 && totals.mean(of: "extra") == 2 && totals["other"] == 0)
    #expect(Totals().meanLoss == 0)
  }

  /// In ranks, folds, checkpoints and measures.
  @Test func anObjectiveCountsWhatItLikes() throws {
    let data = TableDataset(try SyntheticLinearData().split(rows: 20))
    let folder = try TemporaryFolder()
    let found = try simulated(3) { communicator -> [Totals] in
      var configuration = smallConfiguration(epochs: 2, batchSize: 8)
      configuration.steps = 5
      let trainer = try Trainer(drawing: Sequential(Linear(2, 1)), Absolute(), configuration, on: communicator)
      let epochs = EpochRecorder()
      trainer.observers = [epochs]
      try trainer.fit(data, test: data, saving: CheckpointPlan(CheckpointFolder(folder.path + "/c")))
      return epochs.all.flatMap { [$0.train] + ($0.test.map { [$0] } ?? []) }
    }
    // Two in each slice: on 3 ranks 3 slices in each of two steps, and of the last, which has 4 samples; 3 in the test.
    #expect(found.map { $0.map { $0["large"] } } == Array(repeating: [18, 6], count: 3))
    #expect(found[0].map(\.weight) == [20, 20])
    let saved = try CheckpointFolder.load(folder.path + "/c").checkpoint.position
    #expect(saved.stepInEpoch == 2 && saved.totals[1...] == [16, 12])
  }

  /// Counts each sample twice, so that gradients would be divided by half of what losses are a mean over.
  private struct DoubleCounting: Objective {
    let sums = Classification().sums
    func loss(of outputs: Tensor, on batch: Batch) throws -> (sum: Tensor, totals: Totals) {
      var (sum, totals) = try Classification().loss(of: outputs, on: batch)
      totals += [.weight: totals.weight]
      return (sum, totals)
    }
  }

  @Test(arguments: [1, 2]) func aWeightThatIsNotTheDatasetsIsRefused(_ ranks: Int) throws {
    let errors = try simulated(ranks) { communicator in
      let trainer = try Trainer(drawing: smallNetwork(), DoubleCounting(), smallConfiguration(), on: communicator)
      return message { try trainer.fit(ImageDataset(smallImages(40))) }
    }
    let wanted = "DoubleCounting counts 32.0 as the weight of a batch that the dataset weighs 16"
    #expect(errors.allSatisfy { $0 == wanted })
  }

  @Test func whatIsNotNamedIsRefused() throws {
    let data = TableDataset(try SyntheticLinearData().split(rows: 20))
    let trainer = try Trainer(
      Sequential(Linear(2, 1)), Absolute(sums: [.loss, .weight]), smallConfiguration(epochs: 1))
    #expect(message { try trainer.fit(data) } == "objective: counts \"large\", which is none of its sums")
  }

  /// Three sums lay in checkpoints whatever was counted.
  @Test func olderCheckpointsGoOn() throws {
    let data = TableDataset(try SyntheticLinearData().split(rows: 20))
    let folder = try TemporaryFolder()
    var configuration = smallConfiguration(epochs: 1, batchSize: 8)
    configuration.steps = 1
    let begun = try Trainer(drawing: Sequential(Linear(2, 1)), Regression(), configuration)
    try begun.fit(data, saving: CheckpointPlan(CheckpointFolder(folder.path)))
    var checkpoint = try CheckpointFolder.load(folder.path).checkpoint
    #expect(checkpoint.position.totals.count == 2)
    checkpoint.position.totals.insert(0, at: 1)
    configuration.steps = nil
    let resumed = try Trainer(Sequential(Linear(2, 1)), Regression(), configuration)
    try resumed.resume(from: checkpoint)
    let epochs = EpochRecorder()
    resumed.observers = [epochs]
    try resumed.fit(data)
    #expect(epochs.all.map(\.train.weight) == [20])
    checkpoint.position.totals += [1]
    #expect(message { try resumed.resume(from: checkpoint) }?.contains("holds 4 sums") == true)
  }
}
