import Failures
import Foundation
import HDF5Files
import MessagePassing

/// Shows how a training goes: a live line on a terminal, plain lines elsewhere.
public final class ProgressPrinter: TrainingObserver {
  private let line: TerminalLine
  /// Of the whole training, as its steps say.
  private var epochs = 0
  /// When and at which step the present epoch began to be watched.
  private var start: (seconds: Double, step: Int)?
  /// Why the epoch's last skipped step was.
  private var skipped: NotFiniteError?

  /// A live line only where standard output ends on a terminal, unless said otherwise.
  public init(isTerminal: Bool = isShownOnTerminal) { line = TerminalLine(isShown: isTerminal) }

  public func stepFinished(_ step: FinishedStep) {
    epochs = step.epochs
    skipped = step.skipped ?? skipped
    let now = monotonicSeconds()
    let done = step.position.stepInEpoch
    guard let start else {
      self.start = (now, done)
      return
    }
    line.draw {
      let rate = Double(done - start.step) / max(now - start.seconds, 1e-9)
      let bar = TerminalLine.bar(Double(done) / Double(max(step.stepsPerEpoch, 1)))
      let examples = rate * Double(step.batchSize)
      let left = Double(step.stepsPerEpoch - done + (epochs - step.position.epoch - 1) * step.stepsPerEpoch) / rate
      return "epoch \(step.position.epoch + 1)/\(epochs) \(bar) "
        + Self.text(step.objective.measures(of: step.totals), separator: " ")
        + " \(Self.grouped(examples)) \(step.objective.unit)/s, \(Self.clock(left)) left"
    }
  }

  public func epochFinished(_ metrics: EpochMetrics) {
    start = nil
    var text = "epoch \(metrics.epoch)/\(epochs)  \(Self.text(metrics.trainMeasures, separator: "  "))"
    if let held = metrics.validationMeasures.last { text += "  valid \(Self.text([held], separator: ""))" }
    if let tested = metrics.testMeasures.last { text += "  test \(Self.text([tested], separator: ""))" }
    text += "  \(Self.grouped(metrics.examplesPerSecond)) \(metrics.objective.unit)/s"
    text += "  \(Self.fixed(metrics.seconds, 1)) s"
    StandardOutput.line(text)
    if let count = metrics.skippedSteps, count > 0 {
      let reason = skipped.map { "; last, \($0.finding)" } ?? ""
      StandardOutput.line("  \(count) step\(count == 1 ? "" : "s") skipped\(reason)")
    }
    skipped = nil
  }

  private static func text(_ measures: [Measure], separator: String) -> String {
    measures.map { "\($0.name) \(fixed($0.value, 4))" }.joined(separator: separator)
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

  /// 75 s are 1 min 15 s.
  public static func clock(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e7 else { return "?" }
    let whole = Int(seconds)
    return whole < 60 ? "\(whole) s" : "\(whole / 60) min \(whole % 60) s"
  }
}

/// Prints the trainer's report of each step.
public final class StepPrinter: TrainingObserver {
  /// Needs the trainer's `checks.reportsSteps`; prints nothing without.
  public init() {}

  public func stepFinished(_ step: FinishedStep) { if let report = step.report { StandardOutput.line("\(report)") } }
}

/// Whether standard output ends on a terminal. Under mpirun a rank always has one of its own, so there it is mpirun's, the
/// parent process's, that counts.
public var isShownOnTerminal: Bool {
  guard isatty(STDOUT_FILENO) != 0 else { return false }
  guard Launcher.isOpenMPI else { return true }
  let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(getppid())/fd/1")
  return target.map { $0.hasPrefix("/dev/pts/") || $0.hasPrefix("/dev/tty") } ?? false
}
