import Synchronization

/// A group of ranks that talk to each other: all of a job, a duplicate, or a part of it.
///
/// Collectives must be called by every rank of the communicator, in the same order. Each is a blocking call of one thread
/// at a time. A communicator lives until the job ends: freeing it would be a collective, which no `deinit` may hide.
///
/// Collectives that wait for another rank for longer than the time limit end the job (`Environment.start`). What carries
/// the messages is a `Transport`; here arguments are checked, and calls numbered, compared and shown to the watchdog.
public final class Communicator: @unchecked Sendable {
  /// One process, no MPI: collectives check their arguments, then return what a job of one rank would.
  public static let alone = Communicator(
    AloneTransport(), checking: AloneTransport(), members: [0], board: nil, identifier: 0, isChecked: false)

  /// This process's number in the communicator, `0 ..< size`.
  public let rank: Int
  /// How many ranks there are, 1 at least.
  public let size: Int
  /// Whether this is rank 0, which writes files and prints.
  public var isRoot: Bool { rank == 0 }

  /// Whether each collective is preceded by a comparison over the ranks of (sequence number, operation, element count,
  /// type), so that a mismatch throws one line on all ranks instead of a hang or a half-reduced buffer.
  ///
  /// Costs one exchange of a few bytes per collective, and makes `startAllReduce` wait for the other ranks to start it.
  /// All ranks must switch it between the same two collectives. Duplicates and parts inherit it.
  public var isChecked: Bool

  /// Takes note of every message that this rank has a part in; nil: nobody does. Duplicates and parts inherit it.
  public var timeline: Timeline?

  /// Whether a large sum, too, is best started and left alone: it goes on while this rank computes.
  public var sumsInBackground: Bool { transport.sumsInBackground }

  /// Whether `startTreeSum` has a way to take sums.
  public var sumsInTree: Bool { size > 1 && transport.sums?.plan.isPowerOfTwo ?? false }

  let transport: any Transport
  /// Carries the checked mode's comparisons, which so never meet the collective that they judge.
  private let checking: any Transport
  /// nil where no watchdog looks.
  let board: ProgressBoard?
  /// The communicator's number on the board; overlapping communicators have different ones.
  let identifier: UInt16
  /// The ranks in the whole job, in the order of the ranks here.
  let members: [Int]
  private let issued = Atomic<Int>(0)
  private let transfers = Atomic<Int>(0)

  private init(
    _ transport: any Transport, checking: any Transport, members: [Int], board: ProgressBoard?, identifier: UInt16,
    isChecked: Bool
  ) {
    (rank, size, self.members) = (transport.rank, transport.size, members)
    (self.transport, self.checking) = (transport, checking)
    (self.board, self.identifier, self.isChecked) = (board, identifier, isChecked)
  }

  /// Collective over the transport's ranks.
  ///
  /// - Parameter jobRank: this rank in the whole job.
  convenience init(_ transport: any Transport, jobRank: Int, board: ProgressBoard? = nil, isChecked: Bool = false)
    throws
  {
    let all = try naming("duplicate", rank: transport.rank) {
      try transport.gatherAlike([Int64(jobRank), Int64(board?.communicatorCount ?? 0)])
    }
    let members = all.map { Int($0[0]) }
    let number = all.map { Int($0[1]) }.max() ?? 0
    board?.register(communicator: number, members: members)
    let checking = try naming("duplicate", rank: transport.rank) { try transport.duplicate() }
    self.init(
      transport, checking: checking, members: members, board: board,
      identifier: UInt16(truncatingIfNeeded: number), isChecked: isChecked)
  }

  /// How many collectives this communicator has issued; one that travels in pieces counts once.
  public var collectiveCount: Int { issued.load(ordering: .relaxed) }

  /// Tells the watchdog which training step this rank has reached, so that it can name it. A few nanoseconds.
  public func noteStep(_ step: Int) { board?.noteStep(step) }

  /// Whether this rank is the one of its host that does what one of them should.
  public var isFirstOnHost: Bool { board.map { $0.index == 0 } ?? isRoot }

  /// How many ranks of the job are on this rank's host.
  public var ranksOnHost: Int { board?.recordCount ?? 1 }

  /// Runs `body`, in which this rank works by itself: others that wait for it do not take it for lost, however long it takes
  /// (up to `LOCKSTEP_WORK_SECONDS`, an hour unless set). Collectives within count as ever.
  public func working<Result>(at work: LocalWork, _ body: () throws -> Result) rethrows -> Result {
    guard let board else { return try body() }
    let before = board.beginWork(work)
    defer { board.endWork(before) }
    return try body()
  }

  /// The same ranks in a separate channel: collectives on one do not meet those on the other. Collective.
  public func duplicate() throws -> Communicator {
    try collective(CollectiveCall(.duplicate)) { try derived(transport.duplicate()) }
  }

  /// Ranks that give the same color form one communicator, ordered by key, then by rank here. Collective.
  /// - Parameters:
  ///   - color: `0 ... Int32.max`
  ///   - key: any 32-bit number
  public func split(color: Int, key: Int) throws -> Communicator {
    guard color >= 0, let narrowColor = Int32(exactly: color), let narrowKey = Int32(exactly: key) else {
      throw invalidArgument(.split, "color \(color), key \(key): expected 32-bit numbers, the color not negative")
    }
    return try collective(CollectiveCall(.split)) {
      try derived(transport.split(color: narrowColor, key: narrowKey))
    }
  }

  /// Zeroed memory that the ranks of one host share, all of which ask for as much; each has its own where they can't share.
  /// Collective.
  public func hostMemory(byteCount: Int) throws -> HostMemory {
    let shared = try collective(CollectiveCall(.hostMemory, count: byteCount)) { try transport.hostMemory(byteCount) }
    return try shared ?? .own(byteCount)
  }

  private func derived(_ part: any Transport) throws -> Communicator {
    let result = try Communicator(part, jobRank: members[rank], board: board, isChecked: isChecked)
    result.timeline = timeline
    return result
  }
}

extension Communicator {
  /// The frame of every collective: number it, show it to the watchdog, compare it in checked mode, then run `body`.
  ///
  /// - Parameter isStarted: whether it goes on when `body` has ended.
  func collective<Result>(
    _ call: CollectiveCall, isStarted: Bool = false, _ body: () throws -> Result
  ) throws -> Result {
    let sequence = issued.add(1, ordering: .relaxed).newValue
    let start = isStarted ? nil : timeline?.now
    board?.enter(call.operation, communicator: identifier, sequence: sequence)
    defer {
      board?.leave()
      note(call.operation, bytes: call.byteCount, from: start, isBlocking: true)
    }
    return try naming("\(call.operation) #\(sequence)", rank: rank) {
      if isChecked { try Agreement.compare(call, sequence: sequence, over: checking) }
      return try body()
    }
  }

  /// The frame of a send or receive: checks the peer and the tag, and shows it to the watchdog.
  func transfer<Result>(
    _ operation: Operation, _ direction: String, peer: Int, tag: Int, _ body: () throws -> Result
  ) throws -> Result {
    guard (0..<size).contains(peer), peer != rank else {
      throw invalidArgument(operation, "rank \(peer): expected another rank of 0 ..< \(size)")
    }
    // MPI promises no tag above 32767.
    guard (0...32767).contains(tag) else { throw invalidArgument(operation, "tag \(tag): expected 0 ... 32767") }
    let sequence = transfers.add(1, ordering: .relaxed).newValue
    let start = timeline?.now
    board?.enter(operation, communicator: identifier, sequence: sequence, peer: members[peer])
    defer {
      board?.leave()
      note(operation, bytes: 0, from: start, isBlocking: true)
    }
    return try naming("\(operation) \(direction) rank \(peer)", rank: rank, body)
  }

  func invalidArgument(_ operation: Operation, _ text: String) -> MessagePassingError {
    MessagePassingError(.invalidArgument, "\(operation)", text, rank: rank)
  }

  func requireRoot(_ root: Int, _ operation: Operation) throws {
    guard (0..<size).contains(root) else {
      throw invalidArgument(operation, "root \(root): expected a rank of 0 ..< \(size)")
    }
  }
}

extension Transport {
  /// Every rank's values, of which all give as many.
  func gatherAlike<T: MessageElement>(_ values: [T]) throws -> [[T]] {
    let all = try gather(values, counts: [Int](repeating: values.count, count: size), to: nil)
    return (0..<size).map { Array(all[$0 * values.count..<($0 + 1) * values.count]) }
  }

  /// Every rank's values one behind the other, `counts` of each; empty where they don't arrive.
  func gather<T: MessageElement>(_ values: [T], counts: [Int], to root: Int?) throws -> [T] {
    let total = root == nil || root == rank ? counts.reduce(0, +) : 0
    return try [T](unsafeUninitializedCapacity: total) { buffer, filled in
      let all = UnsafeMutableBufferPointer(rebasing: buffer[..<total])
      try values.withUnsafeBufferPointer { try gather(Message($0), counts: counts, into: Message(all), to: root) }
      filled = total
    }
  }
}
