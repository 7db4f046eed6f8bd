import Foundation
import HDF5Files

/// Shows how a training goes: a live line on a terminal, plain lines elsewhere.
public final class ProgressPrinter: TrainingObserver {
  private let isTerminal: Bool
  private let epochs: Int
  /// When and at which step the present epoch began to be watched.
  private var start: (seconds: Double, step: Int)?
  private var lastDrawn = 0.0

  public init(epochs: Int, isTerminal: Bool = isShownOnTerminal) {
    (self.epochs, self.isTerminal) = (epochs, isTerminal)
  }

  public func stepFinished(_ trainer: Trainer, totals: Totals, of stepsPerEpoch: Int) {
    let now = monotonicSeconds()
    let done = trainer.position.stepInEpoch
    guard let start else {
      self.start = (now, done)
      return
    }
    guard isTerminal, now - lastDrawn > 0.1 else { return }
    lastDrawn = now
    let rate = Double(done - start.step) / max(now - start.seconds, 1e-9)
    let bar = Self.bar(Double(done) / Double(max(stepsPerEpoch, 1)))
    let examples = rate * Double(trainer.configuration.batchSize)
    let left = Double(stepsPerEpoch - done + (epochs - trainer.position.epoch - 1) * stepsPerEpoch) / rate
    // Rank 0 shows its own shard's loss; the epoch's line gives that of all ranks.
    let text =
      "epoch \(trainer.position.epoch + 1)/\(epochs) \(bar) "
      + Self.text(trainer.objective.measures(of: totals), separator: " ")
      + " \(Self.grouped(examples)) \(trainer.objective.unit)/s, \(Self.clock(left)) left"
    StandardOutput.live(text)
  }

  public func epochFinished(_ metrics: EpochMetrics) {
    start = nil
    var line = "epoch \(metrics.epoch)/\(epochs)  \(Self.text(metrics.trainMeasures, separator: "  "))"
    if let tested = metrics.testMeasures.last { line += "  test \(Self.text([tested], separator: ""))" }
    line += "  \(Self.grouped(metrics.examplesPerSecond)) \(metrics.objective.unit)/s"
    line += "  \(Self.fixed(metrics.seconds, 1)) s"
    StandardOutput.line(line)
  }

  private static func text(_ measures: [Measure], separator: String) -> String {
    measures.map { "\($0.name) \(fixed($0.value, 4))" }.joined(separator: separator)
  }

  private static func bar(_ share: Double) -> String {
    let full = Int((min(max(share, 0), 1) * 20).rounded())
    return "[" + String(repeating: "=", count: full) + String(repeating: " ", count: 20 - full) + "]"
  }

  static func fixed(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }

  /// 24,310 for 24309.7.
  public static func grouped(_ value: Double) -> String {
    guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
    var digits = String(Int(abs(value.rounded())))
    var groups: [String] = []
    while digits.count > 3 {
      groups.insert(String(digits.suffix(3)), at: 0)
      digits.removeLast(3)
    }
    return (value < 0 ? "-" : "") + ([digits] + groups).joined(separator: ",")
  }

  private static func clock(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e7 else { return "?" }
    let whole = Int(seconds)
    return whole < 60 ? "\(whole) s" : "\(whole / 60) min \(whole % 60) s"
  }
}

/// Prints the trainer's report of each step.
public final class StepPrinter: TrainingObserver {
  public init() {}

  public func stepFinished(_ trainer: Trainer, totals: Totals, of stepsPerEpoch: Int) {
    guard let report = trainer.lastStep else { return }
    StandardOutput.line("\(report)")
  }
}

/// Whether standard output ends on a terminal. Under mpirun a rank always has one of its own, so there it is mpirun's, the
/// parent process's, that counts.
public var isShownOnTerminal: Bool {
  guard isatty(STDOUT_FILENO) != 0 else { return false }
  guard ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_RANK"] != nil else { return true }
  let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(getppid())/fd/1")
  return target.map { $0.hasPrefix("/dev/pts/") || $0.hasPrefix("/dev/tty") } ?? false
}
