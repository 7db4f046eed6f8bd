import Failures

/// A job whose ranks do all of a step but carry their sums of floats: to learn when in a step these sums begin, and how long it
/// takes without them.
///
/// What else ranks tell each other is carried, since they could not go on without it. One process alone is as the first of two
/// ranks of which the other says the same.
public final class Rehearsal {
  /// A sum of floats that would have been carried.
  public struct Sum: Sendable, Equatable {
    /// Of this rank's buffer.
    public let bytes: Int
    /// Since the step's beginning, without what was spent waiting for other ranks.
    public let seconds: Double
    /// Whether the rank would have waited for it at once.
    public let isBlocking: Bool
  }

  /// What a rank did in one step.
  public struct Step: Sendable {
    /// In the order in which they were started.
    public internal(set) var sums: [Sum] = []
    /// How often ranks met: the small messages that were carried.
    public internal(set) var meetings = 0
    /// Seconds from the beginning to the last meeting, without those spent in the meetings before it.
    public internal(set) var computing = 0.0
    /// Seconds spent in the meetings before the last one.
    public internal(set) var waiting = 0.0
    /// Seconds spent in the last meeting.
    public internal(set) var lastMeeting = 0.0

    /// Nothing yet.
    public init() {}
  }

  /// The ranks, for whoever trains on them.
  public let communicator: Communicator
  private let diary: RehearsalDiary

  /// Collective.
  public init(of communicator: Communicator) throws {
    diary = RehearsalDiary()
    self.communicator = try Communicator(
      RehearsalTransport(communicator.transport, diary), jobRank: communicator.members[communicator.rank],
      board: communicator.board, isChecked: false)
  }

  /// A step begins.
  ///
  /// - Parameters:
  ///   - firstSum: called when the first sum would be started.
  ///   - allComputed: called when nothing is left to compute before the sums are there.
  public func begin(firstSum: (() throws -> Void)? = nil, allComputed: (() throws -> Void)? = nil) {
    diary.begin(firstSum, allComputed)
  }

  /// What was noted since `begin`.
  public var step: Step { diary.step }
}

/// What is noted of a step. One thread at a time talks to a communicator, and so to this.
private final class RehearsalDiary: @unchecked Sendable {
  private(set) var step = Rehearsal.Step()
  private var start = monotonicSeconds()
  private var firstSum, allComputed: (() throws -> Void)?

  func begin(_ firstSum: (() throws -> Void)?, _ allComputed: (() throws -> Void)?) {
    (self.firstSum, self.allComputed) = (firstSum, allComputed)
    (step, start) = (Rehearsal.Step(), monotonicSeconds())
  }

  private var own: Double { monotonicSeconds() - start - step.waiting - step.lastMeeting }

  func note(_ message: Message, isBlocking: Bool) throws {
    step.sums.append(.init(bytes: message.byteCount, seconds: own, isBlocking: isBlocking))
    let action = firstSum
    firstSum = nil
    try action?()
  }

  /// A meeting begins: when.
  func meet() -> Double {
    step.computing = own
    step.waiting += step.lastMeeting
    (step.lastMeeting, step.meetings) = (0, step.meetings + 1)
    return monotonicSeconds()
  }

  /// Somebody is about to wait for a meeting that was started: all that can be computed is.
  func wait() throws {
    let action = allComputed
    allComputed = nil
    try action?()
  }

  func endMeeting(_ begin: Double) { step.lastMeeting = monotonicSeconds() - begin }
}

/// Carries what is no sum of floats over the transport below.
private final class RehearsalTransport: Transport {
  private let base: any Transport
  private let diary: RehearsalDiary
  let rank: Int
  let size: Int

  init(_ base: any Transport, _ diary: RehearsalDiary) {
    (self.base, self.diary) = (base, diary)
    (rank, size) = (base.rank, max(2, base.size))
  }

  private var isAlone: Bool { base.size == 1 }
  var sumsInBackground: Bool { isAlone || base.sumsInBackground }

  private func meeting<Result>(_ body: () throws -> Result) rethrows -> Result {
    let begin = diary.meet()
    defer { diary.endMeeting(begin) }
    return try body()
  }

  private func isNoted(_ message: Message, _ operation: ReductionOperation) -> Bool {
    message.type == .float32 && operation == .sum
  }

  func allReduce(_ message: Message, _ operation: ReductionOperation) throws {
    if isNoted(message, operation) { return try diary.note(message, isBlocking: true) }
    try meeting { try base.allReduce(message, operation) }
  }

  func startAllReduce(_ message: Message, _ operation: ReductionOperation) throws -> any PendingTransfer {
    if isNoted(message, operation) {
      try diary.note(message, isBlocking: false)
      return CompleteTransfer()
    }
    let begin = diary.meet()
    return RehearsedTransfer(try base.startAllReduce(message, operation), diary, begin)
  }

  func startTreeSum(_ message: Message) throws -> (any PendingTransfer)? { try startAllReduce(message, .sum) }
  func sum(_ message: Message, by algorithm: SumAlgorithm) throws { try allReduce(message, .sum) }

  func barrier() throws { try meeting { try base.barrier() } }
  func broadcast(_ message: Message, from root: Int) throws {
    if !isAlone || root == 0 { try meeting { try base.broadcast(message, from: root) } }
  }

  func gather(_ own: Message, counts: [Int], into all: Message, to root: Int?) throws {
    try meeting {
      if !isAlone { return try base.gather(own, counts: counts, into: all, to: root) }
      guard root == nil || root == rank else { return }
      for place in counts.indices where (place + 1) * own.count <= all.count {
        all[place * own.count..<(place + 1) * own.count].bytes.copyMemory(from: UnsafeRawBufferPointer(own.bytes))
      }
    }
  }

  func startMessages(sending: [(peer: Int, message: Message)], receiving: [(peer: Int, message: Message)]) throws
    -> any PendingTransfer
  {
    let begin = diary.meet()
    return RehearsedTransfer(try base.startMessages(sending: sending, receiving: receiving), diary, begin)
  }

  func duplicate() throws -> any Transport { RehearsalTransport(try base.duplicate(), diary) }
  func split(color: Int32, key: Int32) throws -> any Transport { try base.split(color: color, key: key) }
  func hostMemory(_ byteCount: Int) throws -> HostMemory? { try base.hostMemory(byteCount) }

  func send(_ message: Message, to peer: Int, tag: Int) throws {
    try meeting { try base.send(message, to: peer, tag: tag) }
  }
  func announcement(from peer: Int, tag: Int) throws -> (type: MessageType?, count: Int) {
    try base.announcement(from: peer, tag: tag)
  }
  func receive(into message: Message, from peer: Int, tag: Int) throws {
    try meeting { try base.receive(into: message, from: peer, tag: tag) }
  }
  func exchange(_ message: Message, into received: Message, with peer: Int, tag: Int) throws {
    try meeting { try base.exchange(message, into: received, with: peer, tag: tag) }
  }
}

/// A meeting that was started; whoever waits for it is in it.
private final class RehearsedTransfer: PendingTransfer {
  private let base: any PendingTransfer
  private let diary: RehearsalDiary
  private var begin: Double?

  init(_ base: any PendingTransfer, _ diary: RehearsalDiary, _ begin: Double) {
    (self.base, self.diary, self.begin) = (base, diary, begin)
  }

  private func end() {
    if let begin { diary.endMeeting(begin) }
    begin = nil
  }

  func wait() throws {
    try diary.wait()
    try base.wait()
    end()
  }

  func test() throws -> Bool {
    let isComplete = try base.test()
    if isComplete { end() }
    return isComplete
  }
}
