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

    func includes(_ position: TrainingPosition) -> Bool {
      switch self {
      case .epochs(let count): position.stepInEpoch == 0 && position.epoch % count == 0
      case .steps(let count): position.step % count == 0
      }
    }
  }

  /// Where the files lie, one per save.
  public let folder: CheckpointFolder
  /// When a save is due before the training's end.
  public let interval: Interval
  /// How many of the newest files stay; nil: all.
  public let keep: Int?
  /// The metric that tells which file is the best one so far: it gets a second name, `best.h5`, which stays.
  public let keepBest: String?
  var lastSavedStep: Int?
  private var isOwed = false
  var bestScore: CheckpointScore?
  /// Where this rank saves.
  let writer: CheckpointWriter

  /// Every epoch unless said otherwise: what a crash costs is then one epoch at the most.
  ///
  /// - Parameters:
  ///   - folder: of this run alone.
  ///   - interval: when a save is due.
  ///   - keep: how many of the newest files stay; nil: all.
  ///   - keepEvery: which of the older ones stay as well.
  ///   - keepBest: a metric by its name in metrics, such as `test_accuracy`. Where older files go, it is the loss unless said
  ///     otherwise.
  public init(
    _ folder: CheckpointFolder, every interval: Interval = .epochs(1), keep: Int? = nil, keepEvery: Interval? = nil,
    keepBest: String? = nil
  ) {
    (self.folder, self.interval, self.keep, self.keepBest) = (folder, interval, keep, keepBest)
    let keeping = CheckpointKeeping(
      newest: keep, others: keepEvery.map { interval in { @Sendable in interval.includes($0) } })
    writer = CheckpointWriter(folder, keeping: keeping)
  }

  func isDue(afterEpoch epoch: Int) -> Bool {
    if case .epochs(let count) = interval { return epoch % count == 0 }
    return false
  }

  /// - Parameter isSettled: whether this is a moment to save; one that was due since the last such moment is due then.
  func isDue(afterStep step: Int, isSettled: Bool) -> Bool {
    if case .steps(let count) = interval, step % count == 0 { isOwed = true }
    defer { if isSettled { isOwed = false } }
    return isOwed && isSettled
  }

  /// How good the model is after an epoch, by the metric that counts here.
  func score(of metrics: EpochMetrics?) -> CheckpointScore? {
    guard let metrics else { return nil }
    let split = metrics.validation != nil ? "valid" : metrics.test != nil ? "test" : "train"
    guard let name = keepBest ?? (keep == nil ? nil : "\(split)_loss") else { return nil }
    return metrics.named.first { $0.name == name }.map { CheckpointScore(name, $0.value) }
  }
}
