import Foundation
import MessagePassing

/// What a trace says in words, step by step: where the time goes, how much of the messages is hidden behind computing, and who
/// waits for whom.
public struct TraceSummary: Sendable {
  /// Milliseconds of a step in the median.
  public let stepMilliseconds: Double
  /// Of a step's time over all ranks: what each part takes, by its name in the order of the step.
  public let shares: [(part: String, share: Double)]
  /// Milliseconds of a step, on a rank, in which messages were on their way, and in how many of them it computed.
  public let messageMilliseconds, hiddenMilliseconds: Double
  /// The rank that most often comes last to where all wait, in how many steps that was, and how long the first had waited for it in the
  /// median of those; nil for one rank.
  public let last: (rank: Int, steps: Int, milliseconds: Double)?
  /// Each host's milliseconds of computing a step, the median of its slowest rank, the slowest host first.
  public let hosts: [(host: String, milliseconds: Double)]
  private let trace: Trace
  private let steps: [Int]

  /// nil where no step was noted whole.
  public init?(_ trace: Trace) {
    let steps = trace.steps
    guard !steps.isEmpty else { return nil }
    (self.trace, self.steps) = (trace, steps)
    let ranks = trace.ranks.map { rank in
      let spans = Dictionary(grouping: rank.spans, by: \.step)
      return steps.map { StepTimeline(spans[$0] ?? []) }
    }
    let all = ranks.flatMap { $0 }
    stepMilliseconds = Self.median(all.map(\.length)) / 1e6
    let whole = all.reduce(0) { $0 + $1.parts.values.reduce(0, +) }
    shares = StepPart.allCases.map { part in
      (part.rawValue, all.reduce(0) { $0 + ($1.parts[part] ?? 0) } / max(whole, 1))
    }
    messageMilliseconds = all.reduce(0) { $0 + $1.messages } / Double(all.count) / 1e6
    hiddenMilliseconds = all.reduce(0) { $0 + $1.hidden } / Double(all.count) / 1e6
    last = Self.last(of: ranks)
    let computing = zip(trace.ranks, ranks).map { rank, steps in (rank.host, Self.median(steps.map(\.computing)) / 1e6)
    }
    hosts = Dictionary(computing) { max($0, $1) }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      .map { ($0.key, $0.value) }
  }

  private static func last(of ranks: [[StepTimeline]]) -> (rank: Int, steps: Int, milliseconds: Double)? {
    guard ranks.count > 1, let steps = ranks.first?.indices else { return nil }
    var delays: [Int: [Double]] = [:]
    for step in steps {
      let arrivals = ranks.map { $0[step].arrival }
      guard let first = arrivals.min(), let last = arrivals.max(), let rank = arrivals.firstIndex(of: last) else {
        continue
      }
      delays[rank, default: []].append(Double(last - first))
    }
    guard let most = delays.max(by: { ($0.value.count, $1.key) < ($1.value.count, $0.key) }) else { return nil }
    return (most.key, most.value.count, median(most.value) / 1e6)
  }

  private static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return sorted.isEmpty ? 0 : (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }

  /// For people, a line for each thing.
  public var lines: [String] {
    let names = Set(trace.ranks.map(\.host)).count
    let places =
      trace.ranks.count == 1 ? "1 process" : "\(trace.ranks.count) ranks on \(names) host\(names == 1 ? "" : "s")"
    var result = [
      "steps \(steps[0]) to \(steps[steps.count - 1]) of \(places), \(Self.text(stepMilliseconds)) ms each in the median: "
        + shares.map { "\($0.part) \(Self.percent($0.share))" }.joined(separator: ", ")
    ]
    if let last {
      let share = hiddenMilliseconds / max(messageMilliseconds, 1e-12)
      result.append(
        "messages were on their way for \(Self.text(messageMilliseconds)) ms of a step, of which "
          + "\(Self.text(hiddenMilliseconds)) ms (\(Self.percent(share))) hidden behind computing")
      result.append(
        "rank \(last.rank) on \(trace.ranks[last.rank].host) came last in \(last.steps) of \(steps.count) steps, "
          + "\(Self.text(last.milliseconds)) ms after the first in the median")
    }
    if let slowest = hosts.first, let fastest = hosts.last, hosts.count > 1 {
      let more = slowest.milliseconds / max(fastest.milliseconds, 1e-12) - 1
      result.append(
        "the slowest host is \(slowest.host): \(Self.text(slowest.milliseconds)) ms of computing a step, "
          + "\(Self.percent(more)) more than \(fastest.host)")
    }
    for (rank, traced) in trace.ranks.enumerated() where traced.lost > 0 {
      result.append("rank \(rank) had no room for \(traced.lost) more spans: trace fewer steps")
    }
    return result
  }

  private static func text(_ milliseconds: Double) -> String {
    String(format: milliseconds < 10 ? "%.2f" : "%.1f", milliseconds)
  }
  private static func percent(_ share: Double) -> String { "\(Int((share * 100).rounded())) %" }
}

/// What one rank did in one step, in nanoseconds.
struct StepTimeline {
  private(set) var parts: [StepPart: Double] = [:]
  /// From the beginning of its fetch to its end.
  let length: Double
  /// When it came to where all wait for each other.
  let arrival: Int
  /// While messages were on their way, and of that while the rank computed.
  let messages, hidden: Double
  /// All but fetching and standing still.
  let computing: Double

  init(_ spans: [Timeline.Span]) {
    for span in spans where span.row == .training {
      guard let part = StepPart(rawValue: span.name) else { continue }
      // The fetch that found the epoch before at its end is none of this step's.
      if part == .fetch { parts[part] = 0 }
      parts[part, default: 0] += Double(span.end - span.start)
    }
    func times(_ isWanted: (Timeline.Span) -> Bool) -> Times { Times(spans.filter(isWanted).map { $0.start..<$0.end }) }
    let step = times { $0.row == .training && $0.name == "step" }
    let waiting = times { $0.row == .training && $0.name == StepPart.wait.rawValue }
    let blocked = waiting.union(times { $0.row == .messages && $0.isBlocking }).common(with: step)
    let underway = times { $0.row == .messages }.common(with: step)
    length = Double(step.length) + (parts[.fetch] ?? 0)
    arrival = waiting.ranges.first?.lowerBound ?? step.ranges.last?.upperBound ?? 0
    messages = Double(underway.length)
    hidden = messages - Double(underway.common(with: blocked).length)
    computing = Double(step.length - blocked.length)
  }
}

/// A set of moments: ranges that lie apart, in order.
struct Times: Equatable {
  private(set) var ranges: [Range<Int>] = []

  init(_ ranges: [Range<Int>]) {
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = self.ranges.last, range.lowerBound <= last.upperBound {
        self.ranges[self.ranges.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        self.ranges.append(range)
      }
    }
  }

  var length: Int { ranges.reduce(0) { $0 + $1.count } }

  func union(_ other: Times) -> Times { Times(ranges + other.ranges) }

  func common(with other: Times) -> Times {
    Times(ranges.flatMap { range in other.ranges.filter { $0.overlaps(range) }.map { $0.clamped(to: range) } })
  }
}
