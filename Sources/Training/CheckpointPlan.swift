import Checkpoints

/// Where and how often a training saves its state; the end of a training is always saved.
public final class CheckpointPlan {
  /// How often: counted from the start of the training, whatever process began it.
  public enum Interval: Sendable, Equatable {
    /// After every so many epochs.
    case epochs(Int)
    /// After every so many optimizer steps, also in the middle of an epoch.
    case steps(Int)

    /// Reads `1epoch`, `3epochs`, `100steps`; nil for anything else.
    public init?(_ text: String) {
      let digits = text.prefix { $0.isNumber }
      guard let count = Int(digits), count > 0 else { return nil }
      switch text.dropFirst(digits.count) {
      case "epoch", "epochs": self = .epochs(count)
      case "step", "steps": self = .steps(count)
      default: return nil
      }
    }
  }

  /// Where the files lie, one per save.
  public let folder: CheckpointFolder
  /// When a save is due before the training's end.
  public let interval: Interval
  var lastSavedStep: Int?

  /// Every epoch unless said otherwise: what a crash costs is then one epoch at the most.
  public init(_ folder: CheckpointFolder, every interval: Interval = .epochs(1)) {
    (self.folder, self.interval) = (folder, interval)
  }

  func isDue(afterEpoch epoch: Int) -> Bool {
    if case .epochs(let count) = interval { return epoch % count == 0 }
    return false
  }

  func isDue(afterStep step: Int) -> Bool {
    if case .steps(let count) = interval { return step % count == 0 }
    return false
  }
}
