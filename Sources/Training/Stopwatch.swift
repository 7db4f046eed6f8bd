import Failures
import Foundation

/// The most memory that this process has held so far; 0 where the system does not tell. (`getrusage` would count that of
/// the process which started this one.)
public func peakMemoryBytes() -> Int {
  let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
  let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
  return (line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0) * 1024
}

/// Where the time of steps goes.
public struct StepTimes: Sendable {
  public var fetch = 0.0
  public var forward = 0.0
  public var backward = 0.0
  public var allreduceWait = 0.0
  public var update = 0.0

  public var total: Double { fetch + forward + backward + allreduceWait + update }

  public static func - (later: StepTimes, earlier: StepTimes) -> StepTimes {
    StepTimes(
      fetch: later.fetch - earlier.fetch, forward: later.forward - earlier.forward,
      backward: later.backward - earlier.backward, allreduceWait: later.allreduceWait - earlier.allreduceWait,
      update: later.update - earlier.update)
  }

  /// Runs `body` and adds its seconds to one part.
  mutating func measure<Result>(
    _ part: WritableKeyPath<StepTimes, Double>, _ body: () throws -> Result
  ) rethrows -> Result {
    let start = monotonicSeconds()
    defer { self[keyPath: part] += monotonicSeconds() - start }
    return try body()
  }
}
