import Failures
import Foundation
import MessagePassing

/// The most memory that this process has held so far; 0 where the system does not tell. (`getrusage` would count that of
/// the process which started this one.)
public func peakMemoryBytes() -> Int {
  let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
  let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
  return (line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0) * 1024
}

/// Where the time of steps goes, in seconds of one rank.
public struct StepTimes: Sendable {
  /// Waiting for the loader; near 0 as long as it is faster than the steps.
  public var fetch = 0.0
  /// Forward passes and losses.
  public var forward = 0.0
  /// Backward passes, with the sums over ranks that began meanwhile.
  public var backward = 0.0
  /// Waiting for sums over ranks when backward was done.
  public var allreduceWait = 0.0
  /// Clipping and the optimizer.
  public var update = 0.0

  /// All parts. What a loop does beside them, such as saving, is not in it.
  public var total: Double { fetch + forward + backward + allreduceWait + update }

  /// What was spent between two readings of `Trainer.times`.
  public static func - (later: StepTimes, earlier: StepTimes) -> StepTimes {
    StepTimes(
      fetch: later.fetch - earlier.fetch, forward: later.forward - earlier.forward,
      backward: later.backward - earlier.backward, allreduceWait: later.allreduceWait - earlier.allreduceWait,
      update: later.update - earlier.update)
  }
}

/// What a step's time is made of.
enum StepPart: String, CaseIterable {
  case fetch, forward, backward, wait, update
}

/// Tells how long one thing after the other took, by one look at the clock for each.
struct Stopwatch {
  private let timeline: Timeline?
  /// When it began.
  let start: Int
  private var last: Int

  /// - Parameter timeline: takes note of each lap.
  init(_ timeline: Timeline? = nil) {
    self.timeline = timeline
    start = timeline?.now ?? monotonicNanoseconds()
    last = start
  }

  /// Seconds since the last lap, or the beginning.
  mutating func lap(_ part: StepPart) -> Double {
    let now = timeline?.now ?? monotonicNanoseconds()
    defer { last = now }
    timeline?.note(part.rawValue, from: last, to: now)
    return Double(now - last) * 1e-9
  }
}
