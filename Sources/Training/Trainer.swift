import Checkpoints
import Data
import DataParallel
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
  public var schedule = Schedule.constant
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
  private let reducer: any Reducer
  let sharding: Sharding
  private var totals = Totals()

  /// Draws the parameters by the configuration's seed and makes all ranks start from those of rank 0.
  public init(
    _ model: Module, _ objective: any Objective, _ configuration: Configuration, on communicator: Communicator = .alone
  ) throws {
    try configuration.validate()
    (self.model, self.objective, self.configuration) = (model, objective, configuration)
    self.communicator = communicator
    try model.initializeAll(seed: configuration.seed)
    optimizer = configuration.makeOptimizer(model.namedParameters)
    parameters = model.namedParameters.map(\.tensor)
    sharding = configuration.sharding(communicator)
    reducer = try configuration.makeReducer(parameters, communicator)
    position.seed = configuration.seed
    try Replicas.agree(configuration.lines, over: communicator)
    try Replicas.broadcast(model.state, over: communicator)
  }

  /// One optimizer step on a global batch, of which `batch` holds this rank's slices.
  public func step(_ batch: StepBatch) throws {
    var signals = StepSignals(stop: StopSignal.pending)
    var own = Totals()
    for (index, slice) in batch.slices.enumerated() {
      var sums = Totals()
      if !slice.samples.isEmpty {
        try checkingNumerics(slice) {
          let loss = try forward(slice, &sums)
          try backward(loss, share: 1 / Double(batch.globalCount), isLast: index == batch.slices.count - 1)
        }
      }
      own += sums
      if !sums.loss.isFinite { signals.notFinite = true }
      try reducer.sliceFinished(sums.values)
    }
    try agreeOnNumerics()
    try reduce(&signals)
    try signals.throwIfNotFinite(step: position.step + 1)
    if reportsSteps { lastStep = try StepReport(position.step + 1, communicator.rank, batch, parameters, own) }
    try update()
    position.step += 1
    position.stepInEpoch += 1
    position.samplesSeen += batch.globalCount
    stopSignal = signals.stop
    if position.step % verificationInterval == 0 { try verifyReplicas() }
  }

  /// The signal that any rank received before the last step, known to all.
  private var stopSignal: Int32?

  private func forward(_ slice: Batch, _ sums: inout Totals) throws -> Tensor {
    try times.measure(\.forward) {
      let lossSum: Tensor
      (lossSum, sums) = try ForwardScope.run(
        seed: configuration.seed, time: position.epoch, samples: slice.samples
      ) { try objective.evaluate(model, slice) }
      return lossSum
    }
  }

  private func checkingNumerics(_ slice: Batch, _ body: () throws -> Void) throws {
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

  /// Gradients of the last slice are final, so they leave for the allreduce as soon as backward has them; but where ranks
  /// are to agree that their numbers are good, not before that.
  private func backward(_ loss: Tensor, share: Double, isLast: Bool) throws {
    try times.measure(\.backward) {
      let isFinal = isLast && !checksNumerics
      try loss.backward(seed: share, ready: isFinal ? { [reducer] in try reducer.gradientReady($0) } : nil)
    }
  }

  private func reduce(_ signals: inout StepSignals) throws {
    try times.measure(\.allreduceWait) {
      communicator.noteStep(position.step + 1)
      reducer.signals = signals.numbers
      totals += Totals(try reducer.finish())
      signals = StepSignals(reducer.signals)
    }
  }

  private func update() throws {
    try times.measure(\.update) {
      if let limit = configuration.clipNorm { try clipGradients(parameters, norm: limit) }
      for index in optimizer.groups.indices {
        optimizer.groups[index].learningRate = configuration.learningRate * schedule.factor(at: position.step)
      }
      try optimizer.step()
      optimizer.clearGradients()
    }
  }
}

extension Trainer {
  /// Trains for the configured epochs, from wherever the position is.
  ///
  /// - Throws: `Interrupted` on all ranks after the step in which a signal asked to stop, once the state is saved.
  public func fit(_ train: any Dataset, test: (any Dataset)? = nil, saving: CheckpointPlan? = nil) throws {
    let sampler = Sampler(sampleCount: train.count, batchSize: configuration.batchSize, seed: configuration.seed)
    let start = monotonicSeconds()
    while position.epoch < configuration.epochs && !hasReachedLastStep {
      let epochStart = monotonicSeconds()
      let before = position.samplesSeen
      try runEpoch(train, sampler, saving)
      let seconds = monotonicSeconds() - epochStart
      let trained = position.samplesSeen - before
      guard position.stepInEpoch == sampler.batchCount else { break }
      let sums = try finishEpoch()
      let tested = try test.map { try Evaluator(model, objective, sharding, communicator).evaluate($0) }
      let metrics = EpochMetrics(
        epoch: position.epoch, step: position.step, seconds: monotonicSeconds() - start, train: sums, test: tested,
        examplesPerSecond: Double(trained) / max(seconds, 1e-9), ranks: communicator.size)
      for observer in observers { try observer.epochFinished(metrics) }
      if saving?.isDue(afterEpoch: position.epoch) ?? false { try save(saving) }
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
      if let signal = stopSignal {
        if let saving { try save(saving) }
        throw Interrupted(signal: signal, step: position.step)
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
    try Replicas.average(model.namedBuffers, over: communicator)
    return sums
  }

  /// Saves the state on rank 0; on all ranks, an error there is thrown.
  private func save(_ plan: CheckpointPlan?) throws {
    guard let plan else { return }
    try verifyReplicas()
    let sums = try communicator.allReduce(totals.values, .sum)
    try communicator.agreeing("save") {
      if communicator.isRoot { try plan.folder.save(checkpoint(totals: sums)) }
    }
    plan.lastSavedStep = position.step
  }

  private func checkpoint(totals: [Double]) throws -> Checkpoint {
    var position = position
    position.totals = totals
    return Checkpoint(
      model: model.state, optimizer: optimizer.slots, optimizerSteps: optimizer.stepCount, position: position,
      configuration: try configuration.json())
  }

  /// Goes on from a checkpoint of the same model.
  public func resume(from checkpoint: Checkpoint) throws {
    try model.load(Dictionary(uniqueKeysWithValues: checkpoint.model))
    // Copies: the optimizer writes to them, and the checkpoint may be resumed from again.
    optimizer.slots = try checkpoint.optimizer.mapValues { try $0.mapValues { try $0.copy() } }
    optimizer.stepCount = checkpoint.optimizerSteps
    position = checkpoint.position
    // The sums so far are of all ranks together; rank 0 keeps them.
    totals = communicator.isRoot ? Totals(checkpoint.position.totals) : Totals()
  }
}
