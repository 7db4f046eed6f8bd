import Checkpoints
import DataParallel
import Datasets
import Failures
import Kernels
import MessagePassing
import Networks
import Optimizers
import Tensors

/// Trains a model on one rank of a job, or alone: an explicit loop over epochs and steps.
///
/// All ranks of a job make the same calls in the same order; what differs is their shard of each global batch. Whatever
/// depends on ranks is the strategy's business.
public final class Trainer {
  /// How the replica is spread over the ranks.
  public let strategy: any Strategy
  /// What is minimised and counted.
  public let objective: any Objective
  /// As it was validated. Later changes of a copy do not reach the trainer.
  public let configuration: Configuration
  /// The ranks that train together.
  public let communicator: Communicator
  var settings: StepSettings
  /// Where plans of `tuned` kernels are kept.
  var planFolder = PlanFile.usualFolder
  /// The learning rate's factor at each step, by the configuration unless replaced; then the same on all ranks.
  public var schedule: Schedule
  /// Told of steps and epochs; they watch, and change nothing.
  public var observers: [any TrainingObserver] = []
  /// What is looked at beside training, such as the replicas' equality every hundred steps.
  public let checks = StepChecks()
  /// What checkpoints keep of the data: class names, vocabularies.
  public var metadata = Metadata()
  /// How far the training is.
  public internal(set) var position = TrainingPosition()
  /// Where the time of this rank's steps went.
  public private(set) var times = StepTimes()
  /// Of the epoch so far, over all ranks.
  var totals: Totals
  /// Steps that were skipped since the last one that was taken.
  var skippedInARow = 0
  /// Where `fit` takes its batches from; nil in a loop of one's own.
  var source: BatchSource?
  /// The moving average of the weights, where the configuration asks for one.
  public let average: WeightAverage?
  /// What a signal saves before the step has ended, where this rank saves.
  var settled: SettledState?

  /// The one that was handed in, with the weights of this moment.
  public var model: Module { strategy.replica.model }
  /// The optimizer that the configuration names, with its memory.
  public var optimizer: any Optimizer { strategy.replica.optimizer }

  /// Trains the model from the weights that it has; all ranks start from those of rank 0.
  ///
  /// - Parameters:
  ///   - model: must not change its parameters' number or shapes from here on.
  ///   - objective: what is minimised and counted.
  ///   - configuration: must be the same on all ranks.
  ///   - communicator: the ranks that train together; this process alone unless given.
  ///   - makeStrategy: spreads the replica over the ranks; as the configuration says unless given.
  /// - Throws: `ConfigurationError` for a configuration that can't be, or a strategy that does not fit the model;
  ///   `DisagreementError` on all ranks where they were started differently; `TensorError` for a model with a parameter
  ///   that can't be found, or two of one name.
  public init(
    _ model: Module, _ objective: any Objective, _ configuration: Configuration, on communicator: Communicator = .alone,
    strategy makeStrategy: ((Replica, Communicator) throws -> any Strategy)? = nil
  ) throws {
    try configuration.validate()
    try model.validate()
    if configuration.checkpointActivations { model.checkpointActivations() }
    (self.objective, self.configuration, totals) = (objective, configuration, Totals(objective.sums))
    settings = StepSettings(configuration)
    schedule = try configuration.makeSchedule()
    let replica = Replica(model, try configuration.makeOptimizer(for: model))
    average = configuration.ema.map { WeightAverage(of: model.namedParameters, decay: $0) }
    strategy = try makeStrategy?(replica, communicator) ?? configuration.makeStrategy(replica, communicator)
    self.communicator = strategy.communicator
    position.seed = configuration.seed
    try checkStatistics()
    let frozen = model.namedParameters.filter { !$0.tensor.requiresGradient }.map(\.name)
    try Replicas.agree(configuration.lines + ["frozen \(frozen)"], over: communicator)
    try Replicas.broadcast(model.state, over: communicator)
  }

  /// Draws the parameters anew first, by the configuration's seed.
  public convenience init(
    drawing model: Module, _ objective: any Objective, _ configuration: Configuration,
    on communicator: Communicator = .alone
  ) throws {
    model.initializeAll(seed: configuration.seed)
    try self.init(model, objective, configuration, on: communicator)
  }

  private func checkStatistics() throws {
    guard case .none = strategy.statistics,
      let layer = model.namedModules().first(where: { !$0.module.stepSums.isEmpty })
    else { return }
    throw ConfigurationError(
      "\(type(of: strategy)) has no statistics of a batch, which layer \(layer.name) (\(type(of: layer.module))) needs")
  }

  /// One optimizer step on a global batch, of which `batch` holds this rank's slices.
  @discardableResult
  public func step(_ batch: StepBatch) throws -> StepResult {
    try tuneKernels(for: batch)
    return try settings.kernels.run {
      var stopwatch = Stopwatch(checks.timeline)
      let audit = beginAudit()
      try strategy.beginStep()
      var own = Totals(objective.sums)
      // Alone, the sum of all ranks' gradients is this rank's.
      let watch = communicator.size > 1 ? GradientWatch() : nil
      let carried = settings.onNan == .skip ? objective.memory?.snapshot : nil
      for (index, slice) in batch.slices.enumerated() {
        try checks.watch(slice, of: model, atStep: position.step + 1) {
          let losses = try loss(of: forward(slice, of: batch), on: slice)
          times.forward += stopwatch.lap(.forward)
          try backward(losses, of: batch, isLast: index == batch.slices.count - 1, watch, addingTo: &own)
          times.backward += stopwatch.lap(.backward)
        }
      }
      var result = try reduce(own, of: batch, watch)
      times.allreduceWait += stopwatch.lap(.wait)
      if let audit { try finish(audit, batch) }
      if checks.reportsSteps { result.report = try report(batch, own) }
      if checks.takesGradientNorm(ofStep: position.step + 1) { result.gradientNorm = try strategy.gradientNorm() }
      if result.skipped == nil { result.skipped = try update() }
      times.update += stopwatch.lap(.update)
      result.learningRate = optimizer.groups.first?.learningRate ?? 0
      if let fault = result.skipped {
        try skip(fault, carried: carried)
        result.totals = Totals(own.names)
      } else {
        skippedInARow = 0
      }
      try finish(batch)
      checks.timeline?.finishStep(from: stopwatch.start)
      checks.profiler?.finishStep(times, nanoseconds: monotonicNanoseconds() - stopwatch.start)
      return result
    }
  }

  /// nil for an empty slice; but where statistics are of all ranks' samples, those without any take part all the same.
  func forward(_ slice: Batch, of batch: StepBatch) throws -> Tensor? {
    var others: (any StatisticsExchange)?
    if case .globalBatch(let exchange) = strategy.statistics { others = exchange }
    if slice.samples.isEmpty && others == nil { return nil }
    return try ForwardScope.run(
      seed: settings.seed, time: position.epoch, samples: slice.samples, globalCount: batch.globalCount,
      statistics: others
    ) { try objective.outputs(of: model, on: slice) }
  }

  func loss(of outputs: Tensor?, on slice: Batch) throws -> (sum: Tensor, totals: Totals)? {
    guard let outputs else { return nil }
    return try objective.loss(of: outputs, on: slice)
  }

  /// Gradients of the last slice are final, so the strategy may sum them as soon as backward has them; but where ranks are
  /// to agree that their numbers are good, not before that.
  private func backward(
    _ loss: (sum: Tensor, totals: Totals)?, of batch: StepBatch, isLast: Bool, _ watch: GradientWatch?,
    addingTo own: inout Totals
  ) throws {
    let isFinal = isLast && !checks.numerics
    try OwedGradients.run(strategy.addsOwedGradients) {
      try loss?.sum.backward(seed: 1 / Double(batch.globalWeight)) { [strategy] tensor in
        try watch?.look(at: tensor)
        if isFinal { try strategy.gradientReady(tensor) }
      }
    }
    let sums = try loss?.totals.values(of: own.names) ?? [Double](repeating: 0, count: own.names.count)
    own += Totals(own.names, sums)
    try strategy.endSlice(sums)
  }

  /// Sums over the ranks; whatever went wrong or was asked for on any of them, all know from here on.
  private func reduce(_ own: Totals, of batch: StepBatch, _ watch: GradientWatch?) throws -> StepResult {
    try checks.agree(over: communicator)
    communicator.noteStep(position.step + 1)
    let isFinite = own.loss.isFinite && watch?.isFinite ?? true
    let notes = StepSignals(stop: StopSignal.pending, isFinite: isFinite).numbers
    let all = try strategy.reduce(notes, sumCount: own.names.count)
    let signals = StepSignals(all.notes)
    var result = StepResult(totals: Totals(own.names, all.sums), stop: signals.stop)
    if signals.notFinite { result.skipped = try ownFault(own.loss, watch) }
    // What gradients were divided by must be what the losses are a mean over.
    guard result.totals.weight == Double(batch.globalWeight) else {
      throw ConfigurationError(
        "\(type(of: objective)) counts \(result.totals.weight) as the weight of a batch that the dataset weighs "
          + "\(batch.globalWeight)")
    }
    return result
  }

  /// Changes the weights, unless numbers are in the way that are not finite.
  private func update() throws -> NotFiniteError? {
    let size = try strategy.gradientSize()
    if let fault = try gradientFault(size) { return fault }
    if let limit = settings.clipNorm { try strategy.clip(limit) }
    let factor = schedule.factor(at: position.step) * position.plateau.factor
    var highest = 0.0
    for index in optimizer.groups.indices {
      let rate = optimizer.groups[index].initialLearningRate * factor
      optimizer.groups[index].learningRate = rate
      highest = max(highest, rate)
    }
    settled?.withdraw()
    // As long as rates and gradients are of ordinary size, so is what they change.
    if size == .large || highest > 1e15 {
      if let fault = try updateWatchfully() { return fault }
    } else {
      try strategy.update()
    }
    try average?.update()
    return nil
  }

  private func finish(_ batch: StepBatch) throws {
    position.step += 1
    position.stepInEpoch += 1
    position.samplesSeen += batch.globalCount
    if position.step % checks.verificationInterval == 0 { try verify() }
  }

  private func report(_ batch: StepBatch, _ own: Totals) throws -> StepReport {
    StepReport(
      step: position.step + 1, rank: communicator.rank, samples: batch.slices.flatMap(\.samples), loss: own.meanLoss,
      gradientNorm: try strategy.gradientNorm())
  }

  /// Loads this rank's shards of an epoch's steps in the background.
  public func loader(_ dataset: any Dataset, _ sampler: Sampler, epoch: Int, from first: Int = 0) -> Loader {
    Loader(dataset, sampler, epoch: epoch, from: first) { [sharding = strategy.sharding] in sharding.slices(of: $0) }
  }

  /// The next step's batch, nil at the epoch's end.
  public func fetch(_ loader: Loader) throws -> StepBatch? {
    var stopwatch = Stopwatch(checks.timeline)
    defer { times.fetch += stopwatch.lap(.fetch) }
    return try communicator.working(at: .loading) { try loader.next() }
  }
}

/// What every step asks of the configuration, asked once: a setting is found through its group, which takes as long as a
/// small model's kernels.
struct StepSettings {
  let epochs, batchSize: Int
  let steps: Int?
  let clipNorm: Double?
  let onNan: OnNan
  let audit: Int?
  let seed: UInt64
  /// With plans from the first step on, where kernels are to be `tuned`.
  var kernels: KernelOptions

  init(_ configuration: Configuration) {
    (epochs, steps, batchSize) = (configuration.epochs, configuration.steps, configuration.batchSize)
    (clipNorm, seed, kernels) = (configuration.clipNorm, configuration.seed, configuration.kernels)
    (onNan, audit) = (configuration.onNan, configuration.audit)
  }
}
