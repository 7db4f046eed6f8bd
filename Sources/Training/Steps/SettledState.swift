import Checkpoints
import DataParallel
import Foundation

/// What could be saved at any moment, as parameters rest between two updates, however long the step takes.
///
/// A launcher does not wait for the end of the step in which a signal came: mpirun of Open MPI 4 kills its ranks a second
/// later. So a thread saves what the step began with, unless the training comes to save something newer before.
final class SettledState: @unchecked Sendable {
  /// How long the training has for the end of its step.
  private static let patienceSeconds = 0.3

  private let folder: CheckpointFolder
  private let condition = NSCondition()
  // Guarded by the condition.
  private var snapshot: (() throws -> Checkpoint)?
  private var isClosed = false
  private var isSaving = false

  init(_ folder: CheckpointFolder) { self.folder = folder }

  /// From now on `snapshot`, which copies, gives a state that can be saved.
  func offer(_ snapshot: @escaping () throws -> Checkpoint) {
    condition.lock()
    self.snapshot = snapshot
    condition.broadcast()
    condition.unlock()
  }

  /// The state is about to change. Waits as long as it is being copied.
  func withdraw() {
    condition.lock()
    snapshot = nil
    condition.unlock()
  }

  /// The training saves by itself; waits until nothing is saved here.
  func close() {
    condition.lock()
    isClosed = true
    condition.broadcast()
    while isSaving { condition.wait() }
    condition.unlock()
  }

  /// Called on a thread of its own once a signal has come.
  func saveSoon() {
    let deadline = Date() + Self.patienceSeconds
    condition.lock()
    defer { condition.unlock() }
    while !isClosed && condition.wait(until: deadline) {}
    while !isClosed && snapshot == nil { condition.wait() }
    if isClosed { return }
    isSaving = true
    let copy = try? snapshot?()
    condition.unlock()
    // Where it fails, the training's own attempt says why.
    if let copy { _ = try? folder.save(copy) }
    condition.lock()
    isSaving = false
    condition.broadcast()
  }
}

/// What a training says of its state to the thread that follows signals.
extension Trainer {
  /// On the rank that saves, where it can do so without the others.
  func followSignals(_ saving: CheckpointPlan) {
    guard communicator.isRoot, strategy.hasWholeState else { return }
    let settled = SettledState(saving.folder)
    self.settled = settled
    StopSignal.follow { settled.saveSoon() }
  }

  func stopFollowing() {
    guard let settled else { return }
    StopSignal.follow(nil)
    settled.close()
    self.settled = nil
  }

  /// After a step. States of sequences that go on are the other ranks', too, and change within the step.
  func offerState() {
    guard let settled, objective.memory == nil || position.stepInEpoch == 0 else { return }
    let (position, totals) = (position, totals)
    settled.offer { [unowned self] in
      try checkpoint(strategy.state(), nil, at: position, totals).copied()
    }
  }
}
