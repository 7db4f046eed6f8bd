import Checkpoints
import DataParallel
import MessagePassing
import Tensors

/// Saving a training, and going on from what was saved.
extension Trainer {
  /// Saves the state on rank 0, in the background: what is written is a copy. What failed there is thrown on all ranks: at
  /// the latest by the next save, and by the last one, which is waited for.
  ///
  /// - Parameter metrics: of the epoch that has just ended, if one has.
  func save(_ plan: CheckpointPlan, after metrics: EpochMetrics? = nil, isLast: Bool = false) throws {
    let start = checks.timeline?.now
    defer { if let start { checks.timeline?.note("save", from: start) } }
    try verify()
    let state = try strategy.state()
    let carried = try gatherCarried()
    try communicator.agreeing("save", at: .saving) {
      guard communicator.isRoot else { return }
      try plan.writer.finish()
      var copy = try checkpoint(state, carried, at: position, totals).copied()
      copy.score = plan.score(of: metrics)
      let isBest = copy.score.map { $0.isBetter(than: plan.bestScore) } ?? false
      if isBest { plan.bestScore = copy.score }
      let timeline = checks.timeline
      try plan.writer.begin(copy, isBest: isBest) { [start = timeline?.now ?? 0] in
        timeline?.note("write checkpoint", .saving, from: start)
      }
      if isLast { try plan.writer.finish() }
    }
    plan.lastSavedStep = position.step
  }

  /// Throws on all ranks where replicas are not the same, or their averages.
  func verify() throws {
    try strategy.verify(step: position.step)
    guard let averages = average?.named, !averages.isEmpty else { return }
    let named = averages.map { (name: "the average of \($0.name)", tensor: $0.tensor) }
    try Replicas.verify(named, step: position.step, over: communicator)
  }

  /// The state of the end, if it is not saved yet; waits until all is written.
  func saveLast(_ plan: CheckpointPlan) throws {
    if plan.lastSavedStep != position.step { return try save(plan, isLast: true) }
    try communicator.agreeing("save", at: .saving) { try plan.writer.finish() }
  }

  /// Before the first step, so that nothing is found out too late.
  func prepare(_ plan: CheckpointPlan, splits: [String]) throws {
    try communicator.agreeing("save", at: .saving) {
      try checkMetrics(keepBest: plan.keepBest, splits: splits)
      guard communicator.isRoot else { return }
      try plan.folder.prepare()
      plan.bestScore = plan.folder.bestScore(upTo: position.step)
    }
  }

  /// The first snapshot: a job that could not start again says so before it has done anything.
  func beginSnapshots(_ plan: CheckpointPlan) throws {
    try snapshot(plan)
    try communicator.agreeing("save", at: .saving) { try plan.writer.finish() }
  }

  /// Keeps the state in the memory of each host: it outlives the ranks. As replicas are alike, any rank's will do. One that
  /// comes while the one before is still being written is left out, and one that fails leaves the one before. A state that is
  /// whole on rank 0 alone is kept on that rank's host.
  func snapshot(_ plan: CheckpointPlan) throws {
    let state = try strategy.state()
    let carried = try gatherCarried()
    guard strategy.hasWholeState ? communicator.isFirstOnHost : communicator.isRoot, !plan.writer.isBusy else { return }
    if plan.lastSavedStep != nil { try? plan.writer.finish() }
    plan.lastSavedStep = position.step
    try? plan.writer.begin(checkpoint(state, carried, at: position, totals).copied())
  }

  /// The states of all ranks' sequences, row by row; nil where none goes on.
  private func gatherCarried() throws -> Tensor? {
    guard let memory = objective.memory else { return nil }
    let ranks = try communicator.tellAll(memory.carried)
    return position.stepInEpoch > 0 ? try SequenceMemory.merged(ranks) : nil
  }

  func checkpoint(
    _ state: ReplicaState, _ carried: Tensor?, at position: TrainingPosition, _ totals: Totals
  ) throws -> Checkpoint {
    var position = position
    position.totals = totals.values
    var checkpoint = Checkpoint(
      model: state.model, optimizer: state.slots, optimizerSteps: state.optimizerSteps, position: position,
      configuration: try configuration.json(), metadata: metadata, carried: carried)
    checkpoint.average = average?.named ?? []
    return checkpoint
  }

  /// Goes on from a checkpoint of the same model.
  public func resume(from checkpoint: Checkpoint) throws {
    // What another optimizer remembered says nothing to this one.
    let isAnother = configuration.optimizerChange(from: checkpoint) != nil
    try strategy.restore(
      ReplicaState(
        model: checkpoint.model, slots: isAnother ? [:] : checkpoint.optimizer,
        optimizerSteps: isAnother ? 0 : checkpoint.optimizerSteps))
    try average?.restore(checkpoint.average)
    totals = try epochTotals(checkpoint.position.totals)
    position = checkpoint.position
    position.totals = []
    // What another metric came to says nothing of this one.
    let old = try? Configuration(json: checkpoint.configuration, path: "")
    if old?.earlyStopping?.metric != configuration.earlyStopping?.metric { position.stopping = Waiting() }
    if old?.schedule != configuration.schedule { position.plateau = Waiting() }
    if old?.scheduleMetric != configuration.scheduleMetric {
      (position.plateau.epochs, position.plateau.best) = (0, nil)
    }
    metadata.history = checkpoint.metadata.history
    try checkpoint.carried.map { try objective.memory?.restore($0) }
  }

  /// The sums of the unfinished epoch. Checkpoints of format 1 before named sums held three whatever was counted: loss,
  /// another or 0, and weight.
  private func epochTotals(_ saved: [Double]) throws -> Totals {
    let names = objective.sums
    if saved.isEmpty || saved.count == names.count { return Totals(names, saved) }
    if saved.count == 3, names == [.loss, .weight] { return Totals(names, [saved[0], saved[2]]) }
    throw TensorError("resume", "the checkpoint holds \(saved.count) sums of its epoch, but \(names.count) are counted")
  }
}
