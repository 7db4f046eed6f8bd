import Failures
import Foundation
import HDF5Files

/// Writes checkpoints to a folder on a thread of its own while the training goes on, one at a time and all of them.
///
/// What a write failed with is thrown by whichever call comes next.
public final class CheckpointWriter: @unchecked Sendable {
  private let folder: CheckpointFolder
  private let keeping: CheckpointKeeping
  private let condition = NSCondition()
  // Guarded by the condition.
  private var isWriting = false
  private var failure: (any Error)?

  /// - Parameters:
  ///   - folder: of one run, in which nobody else writes.
  ///   - keeping: which files stay when a newer one is written.
  public init(_ folder: CheckpointFolder, keeping: CheckpointKeeping = CheckpointKeeping()) {
    (self.folder, self.keeping) = (folder, keeping)
  }

  /// Begins to write a checkpoint whose tensors nobody changes any more; waits until the one before is written.
  ///
  /// - Parameters:
  ///   - checkpoint: what is written.
  ///   - isBest: whether `best.h5` becomes another name of the file.
  ///   - ended: called once the file is written, or could not be, on the thread that did it.
  public func begin(
    _ checkpoint: Checkpoint, isBest: Bool = false, ended: @escaping @Sendable () -> Void = {}
  ) throws {
    try finish()
    condition.lock()
    isWriting = true
    condition.unlock()
    let thread = Thread { [self] in
      let outcome = Result {
        let file = try folder.save(checkpoint)
        if isBest { try folder.markBest(file) }
        folder.remove(keeping)
      }
      ended()
      condition.lock()
      isWriting = false
      if case .failure(let error) = outcome { failure = error }
      condition.broadcast()
      condition.unlock()
    }
    thread.name = "lockstep save"
    thread.start()
  }

  /// Whether a file is being written.
  public var isBusy: Bool {
    condition.lock()
    defer { condition.unlock() }
    return isWriting
  }

  /// Waits until all is written, and throws what failed.
  public func finish() throws {
    wait()
    condition.lock()
    defer { condition.unlock() }
    guard let failure else { return }
    self.failure = nil
    throw failure
  }

  /// Waits until nothing is written any more.
  public func wait() {
    condition.lock()
    while isWriting { condition.wait() }
    condition.unlock()
  }
}

/// Which checkpoints of a run stay. All of them, unless said otherwise.
public struct CheckpointKeeping: Sendable {
  /// The newest so many.
  public var newest: Int?
  /// Of the others those at which this is true; nil: none.
  public var others: (@Sendable (TrainingPosition) -> Bool)?

  /// - Parameters:
  ///   - newest: how many of the newest stay; nil: all.
  ///   - others: which of the others stay.
  public init(newest: Int? = nil, others: (@Sendable (TrainingPosition) -> Bool)? = nil) {
    (self.newest, self.others) = (newest, others)
  }
}

/// How good a checkpoint's model was when it was saved.
public struct CheckpointScore: Sendable, Equatable {
  /// As metrics name it: `test_loss`, `test_accuracy`.
  public let name: String
  /// What the metric came to.
  public let value: Double

  /// The value of a metric.
  public init(_ name: String, _ value: Double) { (self.name, self.value) = (name, value) }

  /// Whether a metric is the better the higher it is: accuracies are, all else is not.
  public static func isHigherBetter(_ name: String) -> Bool { name.hasSuffix("accuracy") }

  /// Of accuracies the higher is the better one, of all else the lower.
  public func isBetter(than other: CheckpointScore?) -> Bool {
    guard let other, other.name == name, other.value.isFinite else { return value.isFinite }
    return Self.isHigherBetter(name) ? value > other.value : value < other.value
  }
}

/// What becomes of the older files.
extension CheckpointFolder {
  /// Another name of the best file so far, which stays when the file itself goes.
  public var best: String { path + "/best.h5" }

  /// The score of `best`, if a training that stands at this step saved it; nil where there is none that can be read.
  public func bestScore(upTo step: Int) -> CheckpointScore? {
    guard let best = try? CheckpointFile.load(best), best.position.step <= step else { return nil }
    return best.score
  }

  func markBest(_ file: String) throws { try AtomicFile.link(file, as: best, unfinished: "checkpoint-best") }

  /// Removes what is not to be kept; what can't be removed stays. Where some of the
  /// older ones stay, a damaged file does, as nobody knows which it is.
  func remove(_ keeping: CheckpointKeeping) {
    guard let newest = keeping.newest, let files = try? files() else { return }
    for file in files.dropFirst(newest) {
      if let others = keeping.others {
        guard let position = try? CheckpointFile.load(file).position, !others(position) else { continue }
      }
      try? FileManager.default.removeItem(atPath: file)
    }
  }
}
