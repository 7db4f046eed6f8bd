import DataParallel
import Datasets
import Failures
import MessagePassing

extension Trainer {
  /// Trains for the configured epochs, from wherever the position is.
  ///
  /// - Parameters:
  ///   - train: what is learnt from.
  ///   - validation: what was held back of it; the model is judged by it after each epoch, as by `test`.
  ///   - test: what the model is judged by after each epoch.
  ///   - saving: where and when the state is saved; nil: nowhere.
  ///   - snapshots: where, in memory, each host keeps the state for a job that starts again after it lost a rank.
  /// - Throws: `Interrupted` on all ranks after the step in which a signal asked to stop, once the state is saved.
  public func fit(
    _ train: any Dataset, validation: (any Dataset)? = nil, test: (any Dataset)? = nil, saving: CheckpointPlan? = nil,
    snapshots: CheckpointPlan? = nil
  ) throws {
    let start = monotonicSeconds()
    let splits = (validation == nil ? [] : ["valid"]) + (test == nil ? [] : ["test"])
    if watchesMetrics { try communicator.agreeing("start") { try checkMetrics(splits: splits) } }
    if let saving {
      try prepare(saving, splits: splits)
      followSignals(saving)
    }
    if let snapshots { try beginSnapshots(snapshots) }
    defer {
      stopFollowing()
      snapshots?.writer.wait()
      // After an error as well, or else a file would stay half written.
      saving?.writer.wait()
    }
    while earlyStop == nil,
      let metrics = try fitEpoch(
        train, validation: validation, test: test, saving: saving, snapshots: snapshots, since: start)
    {
      metadata.history = (metadata.history ?? []) + [metrics.record]
      // First of all: whatever befalls the observers, the epoch is not lost.
      if let saving, saving.isDue(afterEpoch: position.epoch) { try save(saving, after: metrics) }
      try communicator.working(at: .other) { for observer in observers { try observer.epochFinished(metrics) } }
      if try communicator.tellAll(observers.contains(where: \.wantsToStop) ? 1 : 0).contains(1) { break }
    }
    if let saving { try saveLast(saving) }
    for observer in observers { try observer.trainingFinished() }
  }

  /// Trains to the end of the present epoch; nil where there is none to train, or the last step comes before its end.
  ///
  /// - Parameter start: when the training began.
  func fitEpoch(
    _ train: any Dataset, validation: (any Dataset)? = nil, test: (any Dataset)?, saving: CheckpointPlan? = nil,
    snapshots: CheckpointPlan? = nil, since start: Double
  ) throws -> EpochMetrics? {
    guard position.epoch < configuration.epochs, !hasReachedLastStep else { return nil }
    let data = train.arranged(epoch: position.epoch, batchSize: configuration.batchSize, seed: configuration.seed)
    let sampler = Sampler(of: data, batchSize: configuration.batchSize, seed: configuration.seed)
    let (epochStart, weightBefore, timesBefore) = (monotonicSeconds(), totals.weight, times)
    try takeSteps(data, sampler, saving, snapshots)
    let seconds = monotonicSeconds() - epochStart
    guard position.stepInEpoch == sampler.batchCount else { return nil }
    let (sums, skipped) = (totals, position.skippedInEpoch)
    settled?.withdraw()
    totals = Totals(objective.sums)
    position.epoch += 1
    (position.stepInEpoch, position.skippedInEpoch) = (0, 0)
    // Where weights make room for their average, or metrics decide what comes next, the state is not what it seems until then.
    let isSettled = average == nil && !watchesMetrics
    if isSettled { offerState() }
    let evaluator = Evaluator(model, objective, strategy.sharding, communicator, settings.kernels)
    let (validated, tested) = try checks.noting("evaluate") {
      try usingAverage { (try validation.map(evaluator.evaluate), try test.map(evaluator.evaluate)) }
    }
    var metrics = EpochMetrics(
      epoch: position.epoch, step: position.step, seconds: monotonicSeconds() - start, train: sums,
      validation: validated, test: tested, examplesPerSecond: (sums.weight - weightBefore) / max(seconds, 1e-9),
      ranks: communicator.size, objective: objective, skippedSteps: settings.onNan == .skip ? skipped : nil)
    metrics.times = times - timesBefore
    note(metrics)
    if !isSettled { offerState() }
    return metrics
  }

  /// Runs `body` with the moving average of the weights in their place, where there is one.
  private func usingAverage<Result>(_ body: () throws -> Result) rethrows -> Result {
    try average?.whileUsed(body) ?? body()
  }

  private var hasReachedLastStep: Bool { settings.steps.map { position.step >= $0 } ?? false }

  /// The steps from the position to the epoch's end, or to the last step that was asked for.
  private func takeSteps(
    _ train: any Dataset, _ sampler: Sampler, _ saving: CheckpointPlan?, _ snapshots: CheckpointPlan?
  ) throws {
    let loader = loader(train, sampler, epoch: position.epoch, from: position.stepInEpoch)
    source = BatchSource(dataset: train, sampler: sampler, epoch: position.epoch)
    defer {
      loader.cancel()
      source = nil
    }
    model.train()
    while !hasReachedLastStep, let batch = try fetch(loader) {
      let result = try step(batch)
      totals += result.totals
      offerState()
      if !observers.isEmpty {
        var finished = FinishedStep(
          position: position, stepsPerEpoch: sampler.batchCount, epochs: settings.epochs, totals: totals,
          batchSize: settings.batchSize, objective: objective, skipped: result.skipped, report: result.report)
        (finished.latest, finished.learningRate) = (result.totals, result.learningRate)
        finished.gradientNorm = result.gradientNorm
        for observer in observers { observer.stepFinished(finished) }
      }
      if let signal = result.stop {
        settled?.close()
        if let saving { try saveLast(saving) }
        throw Interrupted(signal: signal, step: position.step, folder: saving?.folder.path)
      }
      if let saving, saving.isDue(afterStep: position.step, isSettled: strategy.isSettled) { try save(saving) }
      if let snapshots, snapshots.isDue(afterStep: position.step, isSettled: strategy.isSettled) {
        try snapshot(snapshots)
      }
    }
    try strategy.settle()
  }
}
