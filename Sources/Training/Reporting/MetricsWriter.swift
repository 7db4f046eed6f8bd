import Checkpoints
import HDF5Files

/// Appends a line of JSON per epoch to a file. What can't be written is told once and then left out: no training ends for it.
public final class MetricsWriter: TrainingObserver {
  private let file: LineFile
  private let warn: (String) -> Void
  public private(set) var failure: FileError?

  /// Opens the file anew, or where a training goes on, behind the lines of what came before.
  public init(
    _ path: String, resumingAt position: TrainingPosition? = nil,
    warn: @escaping (String) -> Void = { StandardOutput.error("warning: \($0)") }
  ) throws {
    self.warn = warn
    file = try LineFile(path, resumingAt: position, LoggedMoment.init(json:))
  }

  public func epochFinished(_ metrics: EpochMetrics) { append(metrics.json) }

  /// One more line.
  public func append(_ line: String) {
    do { try file.append(line) } catch {
      guard failure == nil else { return }
      failure = error as? FileError ?? FileError(.inputOutput, path: file.path, "\(error)")
      warn("\(error); the training goes on without these metrics")
    }
  }
}
