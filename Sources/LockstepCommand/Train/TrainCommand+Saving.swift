import Lockstep

/// Where a training goes on from, and where it is saved.
extension TrainCommand {
  /// Where the training goes on from; nil for one that begins.
  var resumedPlace: String? {
    get throws {
      guard resume == "auto" else { return resume }
      guard let checkpoint else { throw ConfigurationError("resume auto needs --checkpoint, the folder to look into") }
      return try CheckpointFolder(checkpoint).files().isEmpty ? nil : checkpoint
    }
  }

  func place(_ resumed: (path: String, checkpoint: Checkpoint)?) -> (place: String, file: String)? {
    resumed.map { ((resume == "auto" ? checkpoint : resume) ?? $0.path, $0.path) }
  }

  func savingPlan(
    _ resumed: (path: String, checkpoint: Checkpoint)?, isRecovered: Bool, _ communicator: Communicator
  ) throws -> CheckpointPlan? {
    guard let checkpoint else {
      if overwrite { throw ConfigurationError("overwrite needs --checkpoint") }
      if checkpointEvery != nil { throw ConfigurationError("checkpoint-every needs --checkpoint") }
      if keep != nil || keepBest != nil { throw ConfigurationError("keep and keep-best need --checkpoint") }
      return nil
    }
    let interval = try self.interval("checkpoint-every", checkpointEvery) ?? .epochs(1)
    if let keep, keep < 1 { throw ConfigurationError("keep is \(keep), but must be 1 or more") }
    if keepEvery != nil && keep == nil { throw ConfigurationError("keep-every needs --keep") }
    let older = try self.interval("keep-every", keepEvery)
    let folder = CheckpointFolder(checkpoint)
    if communicator.isRoot {
      if dryRun { try folder.check() } else { try folder.prepare() }
      if !overwrite && !isRecovered { try folder.checkOwned(resuming: place(resumed)) }
    }
    if dryRun { return nil }
    return CheckpointPlan(folder, every: interval, keep: keep, keepEvery: older, keepBest: keepBest)
  }

  func interval(_ option: String, _ text: String?) throws -> CheckpointPlan.Interval? {
    guard let text else { return nil }
    guard let interval = CheckpointPlan.Interval(text) else {
      throw ConfigurationError("\(option) is '\(text)', but must be such as 1epoch or 100steps")
    }
    return interval
  }
}
