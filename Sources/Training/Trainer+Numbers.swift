import Checkpoints
import DataParallel
import MessagePassing
import Optimizers
import Tensors

/// What becomes of a step whose numbers are not finite. Every rank comes to the same finding, so that all act alike.
extension Trainer {
  /// What ranks found before they added up anything; collective only where one of them did.
  func ownFault(_ loss: Double, _ watch: GradientWatch?) throws -> NotFiniteError {
    let parameters = model.namedParameters
    let own = loss.isFinite ? watch?.first(of: parameters.map(\.tensor)).map { $0 + 2 } ?? 0 : 1
    let all = try communicator.tellAll(own)
    let hasLoss = all.contains(1)
    let first = (all.filter { $0 > 1 }.min() ?? 2) - 2
    return fault(
      hasLoss ? .loss : .gradient(parameters[first].name), all.indices.filter { hasLoss ? all[$0] == 1 : all[$0] > 1 })
  }

  /// What is found in the gradients of all ranks together.
  func gradientFault(_ size: GradientSize) throws -> NotFiniteError? {
    guard size == .notFinite else { return nil }
    var name: String?
    for (known, parameter) in model.namedParameters where name == nil {
      if try !(parameter.gradient?.isFinite() ?? true) { name = known }
    }
    let layer = try model.namedModules().first {
      try $0.module.stepSums.contains { try !($0.gradient?.isFinite() ?? true) }
    }
    let place = name ?? layer.map { "the statistics of \($0.name)" } ?? "a parameter"
    return fault(.gradient(place), communicator.size == 1 ? [0] : [])
  }

  /// Updates, but takes back what is not finite.
  func updateWatchfully() throws -> NotFiniteError? {
    try strategy.updateWatchfully().map { fault(.update($0), communicator.size == 1 ? [0] : []) }
  }

  private func fault(_ place: NotFiniteError.Place, _ ranks: [Int]) -> NotFiniteError {
    NotFiniteError(place: place, step: position.step + 1, epoch: position.epoch + 1, ranks: ranks)
  }

  /// Leaves the step out, or throws where it ends the training.
  func skip(_ fault: NotFiniteError, carried: SequenceMemory.Snapshot?) throws {
    guard settings.onNan == .skip, skippedInARow < OnNan.mostInARow else {
      var last = fault
      last.skipped = skippedInARow
      throw last
    }
    skippedInARow += 1
    position.skippedInEpoch += 1
    try strategy.skip()
    if let carried { objective.memory?.goBack(to: carried) }
  }
}
