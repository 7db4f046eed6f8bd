import Lockstep
import Testing

@testable import TestSupport
@testable import Training

/// `--on-nan`: a step whose loss, gradient or update is not finite is not taken.
@Suite(.timeLimit(.minutes(10))) struct NotFiniteTests {
  private final class Watcher: TrainingObserver {
    var steps: [FinishedStep] = []
    var epochs: [EpochMetrics] = []
    func stepFinished(_ step: FinishedStep) { steps.append(step) }
    func epochFinished(_ metrics: EpochMetrics) { epochs.append(metrics) }
  }

  /// All that a training holds.
  private func contents(_ trainer: Trainer) throws -> [String: [UInt32]] {
    let state = try trainer.strategy.state()
    var result = Dictionary(uniqueKeysWithValues: try state.model.map { ($0.name, try bits($0.tensor)) })
    for (slot, tensors) in state.slots {
      for (name, tensor) in tensors { result["\(slot) of \(name)"] = try bits(tensor) }
    }
    result["steps"] = [UInt32(state.optimizerSteps)]
    return result
  }

  @Test(arguments: [Configuration.OptimizerName.sgd, .adam], [true, false])
  func aSkippedStepChangesNothing(_ optimizer: Configuration.OptimizerName, _ isReproducible: Bool) throws {
    var configuration = poisonedConfiguration(optimizer)
    configuration.reproducible = isReproducible
    let trainer = try Trainer(drawing: normalizedNetwork(), Classification(), configuration)
    let data = PoisonedImages([3])
    let loader = trainer.loader(data, Sampler(of: data, batchSize: 16, seed: 7), epoch: 0)
    trainer.model.train()
    var before = try contents(trainer)
    var skipped: [NotFiniteError] = []
    for number in 1...7 {
      let batch = try #require(try trainer.fetch(loader))
      let result = try trainer.step(batch)
      let after = try contents(trainer)
      #expect((before == after) == (result.skipped != nil), "step \(number)")
      #expect(trainer.position.step == number)
      #expect(result.totals.loss.isFinite && (result.totals.weight > 0) == (result.skipped == nil))
      if let fault = result.skipped { skipped.append(fault) }
      before = after
    }
    let step = try PoisonedImages.step(of: 3)
    #expect(skipped == [NotFiniteError(place: .loss, step: step, epoch: 1, ranks: [0])])
    if optimizer == .adam { #expect(try trainer.strategy.state().optimizerSteps == 6) }
  }

  @Test func skipsAreToldAndCounted() throws {
    let folder = try TemporaryFolder()
    let trainer = try Trainer(drawing: normalizedNetwork(), Classification(), poisonedConfiguration())
    let watcher = Watcher()
    let path = folder.file("m.jsonl")
    trainer.observers = [watcher, try MetricsWriter(path)]
    try trainer.fit(PoisonedImages([3]), test: ImageDataset(smallImages(20)))
    #expect(watcher.epochs.map(\.skippedSteps) == [1, 1])
    #expect(watcher.epochs.allSatisfy { $0.train.loss.isFinite && [84, 96].contains($0.train.weight) })
    #expect(try watcher.steps.first { $0.skipped != nil }?.position.step == PoisonedImages.step(of: 3))
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    #expect(lines.count == 2 && lines.allSatisfy { $0.contains("\"skipped_steps\":1") })
    #expect(try trainer.model.state.allSatisfy { try $0.tensor.isFinite() })
  }

  @Test func aTrainingThatStopsCountsNone() throws {
    let trainer = try Trainer(drawing: normalizedNetwork(), Classification(), poisonedConfiguration(.adam, .stop))
    let watcher = Watcher()
    trainer.observers = [watcher]
    try trainer.fit(ImageDataset(smallImages(32)))
    #expect(watcher.epochs.map(\.skippedSteps) == [nil, nil])
    #expect(watcher.epochs.allSatisfy { !$0.json.contains("skipped") })
  }

  @Test func skipsInTheMiddleOfAnEpochAreResumed() throws {
    let folder = try TemporaryFolder()
    func train(_ steps: Int?, resuming checkpoint: Checkpoint? = nil) throws -> (trainer: Trainer, watcher: Watcher) {
      var configuration = poisonedConfiguration()
      (configuration.epochs, configuration.steps) = (1, steps)
      let trainer = try Trainer(drawing: normalizedNetwork(), Classification(), configuration)
      if let checkpoint { try trainer.resume(from: checkpoint) }
      let watcher = Watcher()
      trainer.observers = [watcher]
      try trainer.fit(PoisonedImages([3]), saving: CheckpointPlan(CheckpointFolder(folder.path), every: .steps(100)))
      return (trainer, watcher)
    }
    _ = try train(try PoisonedImages.step(of: 3))
    let half = try CheckpointFolder.load(folder.path).checkpoint
    #expect(half.position.skippedInEpoch == 1)
    #expect(try Configuration(json: half.configuration, path: "").onNan == .skip)
    let resumed = try train(nil, resuming: half)
    #expect(resumed.watcher.epochs.map(\.skippedSteps) == [1])
    #expect(try digest(resumed.trainer.model) == digest(try train(nil).trainer.model))
  }

  @Test func tooManyInARowStop() throws {
    var configuration = poisonedConfiguration()
    configuration.batchSize = 4
    let trainer = try Trainer(drawing: normalizedNetwork(), Classification(), configuration)
    let error = #expect(throws: NotFiniteError.self) { try trainer.fit(PoisonedImages(Set(0..<100))) }
    #expect(error?.skipped == 10 && error?.step == 11)
    #expect(error?.description.hasPrefix("after 10 skipped steps in a row, the loss is not finite at step 11") ?? false)
  }

  /// The root of 0 is finite, its derivative is not.
  private final class Root: Module {
    let scale = Parameter.parameter([1]), shift = Parameter.parameter([1])
    override func forward(_ input: Tensor) -> Tensor { (input * scale).sqrt() + shift }
  }

  /// One number each, with itself as its target.
  private struct Numbers: Dataset {
    let values: [Float]
    var count: Int { values.count }
    func batch(_ samples: [Int]) throws -> Batch {
      let rows = Tensor(samples.map { values[$0] }, shape: [samples.count, 1])
      return Batch(inputs: rows, targets: rows.copy(), samples: samples)
    }
  }

  @Test(arguments: OnNan.allCases) func aGradientIsNamed(_ onNan: OnNan) throws {
    let root = Root()
    root.scale.fill(0)
    root.shift.fill(0)
    var configuration = Configuration(model: "root", epochs: 1, batchSize: 2, learningRate: 0.1)
    configuration.onNan = onNan
    let trainer = try Trainer(root, Regression(), configuration)
    let data = Numbers(values: [1, 2])
    if onNan == .skip {
      try trainer.fit(data)
    } else {
      let error = #expect(throws: NotFiniteError.self) { try trainer.fit(data) }
      #expect(error?.place == .gradient("scale") && error?.ranks == [0] && error?.kind == .internalError)
    }
    #expect(try root.scale.floats() == [0] && root.shift.floats() == [0])
  }

  /// A gradient of 2e22: its square, which Adam keeps, is infinite; so is the step of SGD at a rate of 1e20.
  @Test(arguments: [Configuration.OptimizerName.sgd, .adam], OnNan.allCases)
  func anUpdateIsTakenBack(_ optimizer: Configuration.OptimizerName, _ onNan: OnNan) throws {
    let linear = Linear(1, 1)
    linear.weight.fill(2)
    linear.bias?.fill(0)
    var configuration = Configuration(
      model: "line", epochs: 1, batchSize: 1, learningRate: optimizer == .sgd ? 1e20 : 0.1, optimizer: optimizer)
    configuration.onNan = onNan
    let trainer = try Trainer(linear, Regression(), configuration)
    let before = try contents(trainer)
    let data = Numbers(values: [1e11])
    if onNan == .skip {
      try trainer.fit(data)
    } else {
      let error = #expect(throws: NotFiniteError.self) { try trainer.fit(data) }
      #expect(error?.description.hasPrefix("the update of ") ?? false)
    }
    #expect(try contents(trainer) == before)
  }

  /// The states of a text's rows that go on are those before a step that was skipped.
  @Test func carriedStatesGoBack() throws {
    let memory = SequenceMemory()
    try memory.restore(Tensor([[0, 1, 2], [1, 3, 4]] as [[Float]]))
    let before = memory.snapshot
    try memory.restore(Tensor([[0, Float.nan, 2]] as [[Float]]))
    memory.goBack(to: before)
    #expect(memory.carried.rows == [[0, 1, 2], [1, 3, 4]])
  }
}
