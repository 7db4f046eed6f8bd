import Foundation
import Lockstep

/// A job that starts again by itself after it lost a rank (`--max-restarts`): it goes on from the last snapshot of its state,
/// which lies in memory that outlives the ranks, on each of its hosts.
extension TrainCommand {
  /// What the launcher calls the folder in memory, in the environment.
  static var recoveryVariable: String { "LOCKSTEP_RECOVERY" }

  private var recoveryFolder: CheckpointFolder? {
    let path = ProcessInfo.processInfo.environment[Self.recoveryVariable] ?? ""
    return path.isEmpty ? nil : CheckpointFolder(path)
  }

  /// Where an earlier start of this job had come to, by the newest state that any of its hosts has; nil for the first. All
  /// ranks ask together, those that see no such folder, too.
  func recovered(_ communicator: Communicator) throws -> (path: String, checkpoint: Checkpoint)? {
    try communicator.newestCheckpoint(of: recoveryFolder)
  }

  /// The snapshots of a job that may start again: the newest, and the one before until the newest is whole.
  func snapshotPlan() throws -> CheckpointPlan? {
    let every = snapshotEvery ?? "20steps"
    guard case .steps(let count)? = CheckpointPlan.Interval(every) else {
      throw ConfigurationError("snapshot-every is '\(every)', but must be such as 20steps")
    }
    return recoveryFolder.map { CheckpointPlan($0, every: .steps(count), keep: 1) }
  }
}
