import Failures
import Foundation
import MessagePassing

/// Records what all ranks of a job do in some of its steps: made before the training, opened when it begins, and finished behind it.
public final class TraceRecorder {
  /// What this rank reports to: `trainer.checks.timeline`.
  public let timeline: Timeline
  private let communicator: Communicator
  private let clock: @Sendable () -> Int
  private let clockName: String
  private let start: ClockComparison?
  private var firstStep = 0

  /// Spans of all ranks together: what rank 0 has room for in the end.
  private static let mostSpans = 2_000_000

  /// Collective: compares the ranks' clocks.
  ///
  /// - Parameters:
  ///   - communicator: the ranks that train together; their messages are noted, too.
  ///   - steps: how many are recorded, after a few that are not.
  ///   - clockName: the same on ranks that have the same clock.
  ///   - clock: nanoseconds that never go back.
  public init(
    over communicator: Communicator, steps: Int = 50, clockName: String = ClockComparison.clockName,
    clock: @escaping @Sendable () -> Int = monotonicNanoseconds
  ) throws {
    (self.communicator, self.clockName, self.clock) = (communicator, clockName, clock)
    timeline = Timeline(steps: steps, mostSpans: max(1000, Self.mostSpans / communicator.size), clock: clock)
    start = try ClockComparison.measure(over: communicator, name: clockName, clock: clock)
    if communicator.size > 1 { communicator.timeline = timeline }
  }

  /// Records from here on what the trainer does.
  public func open(_ trainer: Trainer) {
    trainer.checks.timeline = timeline
    firstStep = trainer.position.step
    timeline.open()
  }

  /// Collective: brings together what all ranks noted, on rank 0; nil on the others.
  public func finish() throws -> Trace? {
    timeline.close()
    if communicator.size > 1 { communicator.timeline = nil }
    let end = try ClockComparison.measure(over: communicator, name: clockName, clock: clock)
    var packet = Packet()
    packet.pack(TracedRank(host: ProcessInfo.processInfo.hostName, timeline.noted))
    guard let all = try communicator.gather(packet.bytes, to: 0), let start, let end else { return nil }
    let alignment = ClockAlignment(start, end)
    let ranks = try all.enumerated().map { rank, bytes in
      var packet = Packet(bytes)
      var traced = try packet.unpack(TracedRank.self)
      for index in traced.spans.indices {
        traced.spans[index].start = alignment.time(traced.spans[index].start, ofRank: rank)
        traced.spans[index].end = alignment.time(traced.spans[index].end, ofRank: rank)
        traced.spans[index].step += firstStep + 1
      }
      return traced
    }
    return Trace(ranks: ranks)
  }
}

/// What the ranks of a job did, by rank 0's clock.
public struct Trace: Sendable {
  /// In their order.
  public let ranks: [TracedRank]

  /// Steps of the optimizer, from 1, that every rank has noted from beginning to end.
  public var steps: [Int] {
    let sets = ranks.map { rank in Set(rank.spans.filter { $0.name == "step" }.map(\.step)) }
    return (sets.dropFirst().reduce(sets.first ?? []) { $0.intersection($1) }).sorted()
  }
}

/// What one rank did.
public struct TracedRank: Sendable, Packable {
  /// The name of the machine that it ran on.
  public let host: String
  /// In the order in which they ended.
  public internal(set) var spans: [Timeline.Span]
  /// Spans that there was no room for.
  public let lost: Int

  init(host: String, _ noted: (spans: [Timeline.Span], lost: Int)) {
    (self.host, spans, lost) = (host, noted.spans, noted.lost)
  }

  public func pack(into packet: inout Packet) {
    packet.pack(host)
    packet.pack(lost)
    packet.pack(spans)
  }
  public init(from packet: inout Packet) throws {
    (host, lost, spans) = (try packet.unpack(), try packet.unpack(), try packet.unpack())
  }
}
