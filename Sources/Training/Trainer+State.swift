import Checkpoints
import DataParallel
import MessagePassing
import Tensors

/// Saving a training, and going on from what was saved.
extension Trainer {
  /// Saves the state on rank 0; on all ranks, an error there is thrown.
  func save(_ plan: CheckpointPlan) throws {
    try strategy.verify(step: position.step)
    let state = try strategy.state()
    let carried = try gatherCarried()
    try communicator.agreeing("save", at: .saving) {
      if communicator.isRoot { try plan.folder.save(checkpoint(state, carried, at: position, totals)) }
    }
    plan.lastSavedStep = position.step
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
    return Checkpoint(
      model: state.model, optimizer: state.slots, optimizerSteps: state.optimizerSteps, position: position,
      configuration: try configuration.json(), metadata: metadata, carried: carried)
  }

  /// Goes on from a checkpoint of the same model.
  public func resume(from checkpoint: Checkpoint) throws {
    // What another optimizer remembered says nothing to this one.
    let isAnother = configuration.optimizerChange(from: checkpoint) != nil
    try strategy.restore(
      ReplicaState(
        model: checkpoint.model, slots: isAnother ? [:] : checkpoint.optimizer,
        optimizerSteps: isAnother ? 0 : checkpoint.optimizerSteps))
    totals = try epochTotals(checkpoint.position.totals)
    position = checkpoint.position
    position.totals = []
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
