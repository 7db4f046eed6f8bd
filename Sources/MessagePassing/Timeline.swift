import Failures
import Synchronization

/// Takes note of what one rank does, and when: spans of time by name, in rows of what goes on beside one another.
///
/// It only watches. Whoever has one reports to it; who has none pays for one branch. It notes the steps that it was asked for,
/// keeps them in memory that has a bound, and is closed from then on.
public final class Timeline: Sendable {
  /// What goes on at once.
  public enum Row: UInt8, Sendable, CaseIterable {
    /// The thread that computes: the parts of each step, and the layers within.
    case training
    /// From a message's start to its completion, whoever waits for it.
    case messages
    /// The thread that writes checkpoints.
    case saving
  }

  /// Something that took its time.
  public struct Span: Sendable, Equatable {
    /// Beside what else it went on.
    public var row: Row
    /// A part of a step, a layer or an operation.
    public var name: String
    /// In nanoseconds of the rank's clock.
    public var start, end: Int
    /// Of those that were noted, from 0.
    public var step: Int
    /// What a message carries; 0 where there is nothing to tell.
    public var bytes = 0
    /// Whether the thread that computes stood still meanwhile, as it does in a collective that it calls.
    public var isBlocking = false
  }

  private struct Record {
    var spans: [Span] = []
    var step = 0
    var lost = 0
  }

  /// Spans of one layer that follow each other as closely as this are one.
  private static let joiningNanoseconds = 5_000

  /// Steps of the beginning that are left out, as they prepare what the others use again; unless there are no others.
  public let skippedSteps: Int
  private let steps, mostSpans: Int
  private let clock: @Sendable () -> Int
  private let record = Mutex(Record())
  private let isNoting = Atomic<Bool>(false)

  /// - Parameters:
  ///   - steps: how many are noted.
  ///   - skippedSteps: how many come before them.
  ///   - mostSpans: what comes past so many is lost.
  ///   - clock: nanoseconds that never go back.
  public init(
    steps: Int, skippedSteps: Int = 5, mostSpans: Int = 1 << 20,
    clock: @escaping @Sendable () -> Int = monotonicNanoseconds
  ) {
    (self.steps, self.skippedSteps, self.mostSpans, self.clock) = (steps, skippedSteps, mostSpans, clock)
  }

  /// The clock that all spans are told by.
  public var now: Int { clock() }
  /// Whether anything is noted: from `open()` until the last step that was asked for has ended.
  public var isOpen: Bool { isNoting.load(ordering: .relaxed) }

  /// Begins to note.
  public func open() { isNoting.store(true, ordering: .relaxed) }
  /// Notes nothing any more.
  public func close() { isNoting.store(false, ordering: .relaxed) }

  /// Takes note of something that has just ended, or did so at `end`.
  ///
  /// - Parameters:
  ///   - name: a part of a step, a layer or an operation.
  ///   - row: beside what else it went on.
  ///   - start: by the timeline's clock.
  ///   - end: now, unless given.
  ///   - bytes: what a message carries.
  ///   - isBlocking: whether the thread that computes stood still meanwhile.
  ///   - joining: makes it one with what was noted last, if that has the same name and has only just ended.
  public func note(
    _ name: String, _ row: Row = .training, from start: Int, to end: Int? = nil, bytes: Int = 0,
    isBlocking: Bool = false, joining: Bool = false
  ) {
    guard isOpen else { return }
    let end = max(end ?? clock(), start)
    record.withLock { record in
      if joining, let last = record.spans.indices.last, record.spans[last].name == name,
        record.spans[last].row == row, (0..<Self.joiningNanoseconds).contains(start - record.spans[last].end)
      {
        record.spans[last].end = end
      } else if record.spans.count < mostSpans {
        record.spans.append(
          Span(row: row, name: name, start: start, end: end, step: record.step, bytes: bytes, isBlocking: isBlocking))
      } else {
        record.lost += 1
      }
    }
  }

  /// Runs `body` and takes note of it.
  public func noting<Result>(_ name: String, _ body: () throws -> Result) rethrows -> Result {
    let start = now
    defer { note(name, from: start) }
    return try body()
  }

  /// A step that began at `start` has ended; what is noted from here on is the next one's.
  public func finishStep(from start: Int) {
    note("step", from: start)
    let done = record.withLock { record in
      record.step += 1
      return record.step
    }
    if done >= skippedSteps + steps { close() }
  }

  /// What was noted, without the steps that prepare; and how many spans there was no room for.
  public var noted: (spans: [Span], lost: Int) {
    record.withLock { record in
      let first = record.step > skippedSteps ? skippedSteps : 0
      return (record.spans.filter { $0.step >= first }, record.lost)
    }
  }
}

extension Timeline.Span: Packable {
  public func pack(into packet: inout Packet) {
    packet.pack(name)
    packet.pack(Int(row.rawValue) << 1 | (isBlocking ? 1 : 0))
    for number in [start, end, step, bytes] { packet.pack(number) }
  }
  public init(from packet: inout Packet) throws {
    name = try packet.unpack()
    let kind = try packet.unpack(Int.self)
    (row, isBlocking) = (UInt8(exactly: kind >> 1).flatMap { Timeline.Row(rawValue: $0) } ?? .training, kind & 1 == 1)
    (start, end, step, bytes) = (try packet.unpack(), try packet.unpack(), try packet.unpack(), try packet.unpack())
  }
}

/// Of a message, for whoever watches the communicator.
extension Communicator {
  func note(_ operation: Operation, bytes: Int, from start: Int?, to end: Int? = nil, isBlocking: Bool) {
    guard let timeline, let start else { return }
    timeline.note("\(operation)", .messages, from: start, to: end, bytes: bytes, isBlocking: isBlocking)
  }
}

extension CollectiveCall {
  var byteCount: Int { (count ?? 0) * (type?.byteCount ?? 0) }
}
