import Checkpoints
import DataParallel
import Datasets
import MessagePassing
import Networks
import Optimizers
import Tensors

/// Trains a model on one rank of a job, or alone: an explicit loop over epochs and steps.
///
/// All ranks of a job make the same calls in the same order; what differs is their shard of each global batch.
public final class Trainer {
  public let model: Module
  public let objective: any Objective
  public let configuration: Configuration
  public let communicator: Communicator
  public let optimizer: any Optimizer
  public var schedule: Schedule
  /// Told of steps and epochs; they watch, and change nothing.
  public var observers: [any TrainingObserver] = []
  public private(set) var position = TrainingPosition()
  /// Where the time of this rank's steps went.
  public private(set) var times = StepTimes()

  /// Steps between comparisons of the replicas.
  public var verificationInterval = 100
  /// Names the first operation whose numbers are not finite, at a cost. The same on all ranks.
  public var checksNumerics = false
  private var numericsFailure: NumericsFailure?
  /// Asks for a report of each step.
  public var reportsSteps = false
  public private(set) var lastStep: StepReport?

  private let parameters: [Tensor]
  /// Layers with running statistics, each once.
  private let statisticians: [Module]
  private let reducer: any Reducer
  let sharding: Sharding
  /// Of the epoch so far, this rank's share.
  private var totals = Totals()
  private var stepSums = Totals()
  private var sliceSums = Totals()
  /// Examples or tokens of the epoch in this process, over all ranks.
  private var weightSeen = 0
  /// What checkpoints keep of the data: class names, vocabularies.
  public var texts: [String: [String]] = [:]
  /// What any rank had to say in the last step.
  private var signals = StepSignals()

  /// Draws the parameters by the configuration's seed and makes all ranks start from those of rank 0.
  public init(
    _ model: Module, _ objective: any Objective, _ configuration: Configuration, on communicator: Communicator = .alone
  ) throws {
    try configuration.validate()
    try model.validate()
    (self.model, self.objective, self.configuration) = (model, objective, configuration)
    self.communicator = communicator
    model.initializeAll(seed: configuration.seed)
    optimizer = configuration.makeOptimizer(model.namedParameters)
    schedule = try configuration.makeSchedule()
    parameters = model.namedParameters.map(\.tensor)
    statisticians = model.statisticians
    sharding = configuration.sharding(communicator, keepingWhole: !statisticians.isEmpty)
    reducer = try configuration.makeReducer(statisticians.flatMap(\.stepSums) + parameters, communicator)
    position.seed = configuration.seed
    try Replicas.agree(configuration.lines, over: communicator)
    try Replicas.broadcast(model.state, over: communicator)
  }

  /// One optimizer step on a global batch, of which `batch` holds this rank's slices.
  public func step(_ batch: StepBatch) throws { try configuration.kernels.run { try take(batch) } }

  private func take(_ batch: StepBatch) throws {
    for (index, slice) in batch.slices.enumerated() {
      try watchingNumerics(of: slice) {
        let loss = try forward(slice, of: batch.globalCount)
        try backward(loss, share: 1 / Double(batch.globalWeight), isLast: index == batch.slices.count - 1)
      }
    }
    try agreeOnNumerics()
    try reduce()
    try clip()
    if reportsSteps { lastStep = try StepReport(position.step + 1, communicator.rank, batch, parameters, stepSums) }
    try update()
    try finishStep(batch)
  }

  /// The sum of the slice's losses; nil for an empty slice.
  private func forward(_ slice: Batch, of globalCount: Int) throws -> Tensor? {
    sliceSums = Totals()
    // Where statistics are of all ranks' samples, those without any take part all the same.
    if slice.samples.isEmpty && gather == nil { return nil }
    return try times.measure(\.forward) {
      let loss: Tensor
      (loss, sliceSums) = try ForwardScope.run(
        seed: configuration.seed, time: position.epoch, samples: slice.samples, globalCount: globalCount,
        gather: gather
      ) { try objective.evaluate(model, slice) }
      return loss
    }
  }

  /// How layers with statistics of the whole batch reach the other ranks. In reproducible mode each slice has its own.
  private var gather: ForwardScope.Gather? {
    if statisticians.isEmpty || configuration.reproducible || communicator.size == 1 { return nil }
    return { [communicator] numbers in try communicator.allGather(numbers) }
  }

  /// Gradients of the last slice are final, so they leave for the allreduce as soon as backward has them; but where ranks
  /// are to agree that their numbers are good, not before that.
  private func backward(_ loss: Tensor?, share: Double, isLast: Bool) throws {
    stepSums += sliceSums
    try times.measure(\.backward) {
      tellSignals()
      let isFinal = isLast && !checksNumerics
      try loss?.backward(seed: share, ready: isFinal ? { [reducer] in try reducer.gradientReady($0) } : nil)
      try reducer.sliceFinished(sliceSums.values)
    }
  }

  /// Before backward, whose last gradient takes the signals along; and once more where no slice had any.
  private func tellSignals() {
    reducer.signals = StepSignals(stop: StopSignal.pending, isFinite: stepSums.loss.isFinite).numbers
  }

  /// Sums over the ranks; whatever went wrong or was asked for on any of them, all know from here on.
  private func reduce() throws {
    try times.measure(\.allreduceWait) {
      communicator.noteStep(position.step + 1)
      tellSignals()
      totals += Totals(try reducer.finish())
      signals = StepSignals(reducer.signals)
    }
    if signals.notFinite {
      let flags = try communicator.allGather([UInt8(stepSums.loss.isFinite ? 0 : 1)])
      throw NotFiniteError(step: position.step + 1, ranks: flags.indices.filter { flags[$0] == [1] })
    }
  }

  private func clip() throws {
    guard let limit = configuration.clipNorm else { return }
    _ = try times.measure(\.update) { try clipGradients(parameters, norm: limit) }
  }

  private func update() throws {
    try times.measure(\.update) {
      for index in optimizer.groups.indices {
        optimizer.groups[index].learningRate = configuration.learningRate * schedule.factor(at: position.step)
      }
      try optimizer.step()
      optimizer.clearGradients()
      for module in statisticians { try module.updateStatistics() }
    }
  }

  private func finishStep(_ batch: StepBatch) throws {
    stepSums = Totals()
    position.step += 1
    position.stepInEpoch += 1
    position.samplesSeen += batch.globalCount
    weightSeen += batch.globalWeight
    if position.step % verificationInterval == 0 { try verifyReplicas() }
  }
}

/// Looking after the numbers and the replicas.
extension Trainer {
  private func watchingNumerics(of slice: Batch, _ body: () throws -> Void) throws {
    guard checksNumerics else { return try body() }
    let names = model.namedModules().map { (ObjectIdentifier($0.module), $0.name.isEmpty ? "model" : $0.name) }
    let tensors = model.namedParameters.map { (ObjectIdentifier($0.tensor), $0.name) }
    let check = NumericsCheck(names: Dictionary(names + tensors) { first, _ in first })
    try check.run(body)
    guard numericsFailure == nil, let fault = check.fault else { return }
    numericsFailure = NumericsFailure(fault: fault, step: position.step + 1, samples: slice.samples)
  }

  /// Throws on all ranks what the lowest one found.
  private func agreeOnNumerics() throws {
    guard checksNumerics else { return }
    try communicator.agreeing("check numerics") { if let numericsFailure { throw numericsFailure } }
  }

  /// Throws on all ranks where parameters, buffers or the optimizer's memory differ.
  private func verifyReplicas() throws {
    let slots = optimizer.slots.sorted { $0.key < $1.key }.flatMap { slot, tensors in
      tensors.sorted { $0.key < $1.key }.map { (name: "\(slot) of \($0.key)", tensor: $0.value) }
    }
    try Replicas.verify(model.state + slots, step: position.step, over: communicator)
  }
}

extension Trainer {
  /// Trains for the configured epochs, from wherever the position is.
  ///
  /// - Throws: `Interrupted` on all ranks after the step in which a signal asked to stop, once the state is saved.
  public func fit(_ train: any Dataset, test: (any Dataset)? = nil, saving: CheckpointPlan? = nil) throws {
    let start = monotonicSeconds()
    while position.epoch < configuration.epochs && !hasReachedLastStep {
      let data = train.arranged(
        epoch: position.epoch, batchSize: configuration.batchSize, seed: configuration.seed)
      let sampler = Sampler(of: data, batchSize: configuration.batchSize, seed: configuration.seed)
      let epochStart = monotonicSeconds()
      weightSeen = 0
      try runEpoch(data, sampler, saving)
      let seconds = monotonicSeconds() - epochStart
      guard position.stepInEpoch == sampler.batchCount else { break }
      let sums = try finishEpoch()
      let tested = try test.map {
        try Evaluator(model, objective, sharding, communicator, configuration.kernels).evaluate($0)
      }
      let metrics = EpochMetrics(
        epoch: position.epoch, step: position.step, seconds: monotonicSeconds() - start, train: sums, test: tested,
        examplesPerSecond: Double(weightSeen) / max(seconds, 1e-9), ranks: communicator.size, objective: objective)
      // First of all: whatever befalls the observers, the epoch is not lost.
      if saving?.isDue(afterEpoch: position.epoch) ?? false { try save(saving) }
      for observer in observers { try observer.epochFinished(metrics) }
    }
    if let saving, saving.lastSavedStep != position.step { try save(saving) }
    for observer in observers { try observer.trainingFinished() }
  }

  private var hasReachedLastStep: Bool { configuration.steps.map { position.step >= $0 } ?? false }

  /// The steps from the position to the epoch's end, or to the last step that was asked for.
  private func runEpoch(_ train: any Dataset, _ sampler: Sampler, _ saving: CheckpointPlan?) throws {
    let loader = loader(train, sampler, epoch: position.epoch, from: position.stepInEpoch)
    defer { loader.cancel() }
    model.train()
    while !hasReachedLastStep, let batch = try fetch(loader) {
      try step(batch)
      for observer in observers { observer.stepFinished(self, totals: totals, of: sampler.batchCount) }
      if let signal = signals.stop {
        if let saving { try save(saving) }
        throw Interrupted(signal: signal, step: position.step, folder: saving?.folder.path)
      }
      if saving?.isDue(afterStep: position.step) ?? false { try save(saving) }
    }
  }

  /// Loads this rank's shards of an epoch's steps in the background.
  public func loader(_ dataset: any Dataset, _ sampler: Sampler, epoch: Int, from first: Int = 0) -> Loader {
    Loader(dataset, sampler, epoch: epoch, from: first) { [sharding] in sharding.slices(of: $0) }
  }

  /// The next step's batch, nil at the epoch's end.
  public func fetch(_ loader: Loader) throws -> StepBatch? {
    try times.measure(\.fetch) { try loader.next() }
  }

  /// The epoch's totals over all ranks; the position moves to the next epoch.
  private func finishEpoch() throws -> Totals {
    let sums = Totals(try communicator.allReduce(totals.values, .sum))
    totals = Totals()
    position.epoch += 1
    position.stepInEpoch = 0
    return sums
  }

  /// Saves the state on rank 0; on all ranks, an error there is thrown.
  private func save(_ plan: CheckpointPlan?) throws {
    guard let plan else { return }
    try verifyReplicas()
    let sums = try communicator.allReduce(totals.values, .sum)
    let carried = try gatherCarried()
    try communicator.agreeing("save") {
      if communicator.isRoot { try plan.folder.save(checkpoint(totals: sums, carried: carried)) }
    }
    plan.lastSavedStep = position.step
  }

  /// The states of all ranks' sequences, row by row; nil where none goes on.
  private func gatherCarried() throws -> Tensor? {
    guard let memory = objective.memory else { return nil }
    let rows = try communicator.allGather(memory.rows).flatMap { $0 }
    let width = Int(try communicator.allReduce([Int64(memory.rowWidth)], .maximum)[0])
    return width > 0 && position.stepInEpoch > 0 ? Tensor(rows, shape: [rows.count / width, width]) : nil
  }

  private func checkpoint(totals: [Double], carried: Tensor?) throws -> Checkpoint {
    var position = position
    position.totals = totals
    return Checkpoint(
      model: model.state, optimizer: optimizer.slots, optimizerSteps: optimizer.stepCount, position: position,
      configuration: try configuration.json(), texts: texts, carried: carried)
  }

  /// Goes on from a checkpoint of the same model.
  public func resume(from checkpoint: Checkpoint) throws {
    try model.load(Dictionary(uniqueKeysWithValues: checkpoint.model))
    let shapes = Dictionary(uniqueKeysWithValues: model.namedParameters.map { ($0.name, $0.tensor.shape) })
    for (slot, tensors) in checkpoint.optimizer {
      for (name, tensor) in tensors where shapes[name] != tensor.shape {
        throw TensorError("resume", "the optimizer's \(slot) of \(name) has shape \(tensor.shape)")
      }
    }
    // Copies: the optimizer writes to them, and the checkpoint may be resumed from again.
    let isAnother = configuration.optimizerChange(from: checkpoint) != nil
    optimizer.slots = isAnother ? [:] : checkpoint.optimizer.mapValues { $0.mapValues { $0.copy() } }
    optimizer.stepCount = isAnother ? 0 : checkpoint.optimizerSteps
    position = checkpoint.position
    try checkpoint.carried.map { try objective.memory?.restore($0) }
    // The sums so far are of all ranks together; rank 0 keeps them.
    totals = communicator.isRoot ? Totals(checkpoint.position.totals) : Totals()
    position.totals = []
  }
}
