import CMPI
import Synchronization

/// A group of ranks that talk to each other: all of a job, a duplicate, or a part of it.
///
/// Collectives must be called by every rank of the communicator, in the same order. Each is a blocking call of one thread
/// at a time. A communicator lives until the job ends: freeing it would be a collective, which no `deinit` may hide.
///
/// Collectives that wait for another rank for longer than the time limit end the job (`Environment.start`).
public final class Communicator: @unchecked Sendable {
  /// One process, no MPI: collectives check their arguments, then return what a job of one rank would.
  public static let alone = Communicator(checked: false)

  /// This process's number in the communicator, `0 ..< size`.
  public let rank: Int
  public let size: Int
  public var isRoot: Bool { rank == 0 }

  /// Whether each collective is preceded by a comparison over the ranks of (sequence number, operation, element count,
  /// type), so that a mismatch throws one line on all ranks instead of a hang or a half-reduced buffer.
  ///
  /// Costs one exchange of a few bytes per collective, and makes `startAllReduce` wait for the other ranks to start it.
  /// All ranks must switch it between the same two collectives. Duplicates and parts inherit it.
  public var isChecked: Bool

  /// The longest run of elements given to MPI in one call, whose counts are 32 bits wide; longer ones travel in pieces.
  var pieceLength = 1 << 30

  /// The other ranks where they are threads of this process.
  let hub: SimulatedHub?
  /// nil when alone or simulated: then no function of MPI is ever called.
  let handle: MPI_Comm?
  let board: ProgressBoard?
  /// The communicator's number on the board; overlapping communicators have different ones.
  let identifier: UInt16
  /// The ranks in the whole job, in the order of the ranks here.
  let members: [Int]
  /// Carries the checked mode's comparisons, which so never meet the collective that they judge.
  private let checkingHandle: MPI_Comm?
  private let issued = Atomic<Int>(0)
  private let transfers = Atomic<Int>(0)

  private init(checked: Bool) {
    (rank, size, members) = (0, 1, [0])
    (handle, checkingHandle, board, identifier, hub) = (nil, nil, nil, 0, nil)
    isChecked = checked
  }

  /// A rank that is a thread of this process.
  init(simulated rank: Int, _ hub: SimulatedHub) {
    (self.rank, size, members) = (rank, hub.size, Array(0..<hub.size))
    (handle, checkingHandle, board, identifier) = (nil, nil, nil, 0)
    (self.hub, isChecked) = (hub, false)
  }

  /// Takes over `handle`. Collective over its ranks.
  init(_ handle: MPI_Comm, board: ProgressBoard, checked: Bool) throws {
    var (ownRank, rankCount): (Int32, Int32) = (0, 0)
    try check(MPI_Comm_rank(handle, &ownRank), "comm_rank", rank: nil)
    try check(MPI_Comm_size(handle, &rankCount), "comm_size", rank: Int(ownRank))
    var checking: MPI_Comm?
    try check(MPI_Comm_dup(handle, &checking), "duplicate", rank: Int(ownRank))

    let own: [Int64] = [Int64(board.worldRank), Int64(board.communicatorCount)]
    var all = [Int64](repeating: 0, count: 2 * Int(rankCount))
    let type = MessageType.int64.datatype
    try check(MPI_Allgather(own, 2, type, &all, 2, type, handle), "allgather", rank: Int(ownRank))
    members = stride(from: 0, to: all.count, by: 2).map { Int(all[$0]) }
    let number = stride(from: 1, to: all.count, by: 2).map { Int(all[$0]) }.max() ?? 0

    (rank, size) = (Int(ownRank), Int(rankCount))
    (self.handle, checkingHandle, self.board, hub) = (handle, checking, board, nil)
    identifier = UInt16(truncatingIfNeeded: number)
    isChecked = checked
    board.register(communicator: number, members: members)
  }

  /// How many collectives this communicator has issued; one that travels in pieces counts once.
  public var collectiveCount: Int { issued.load(ordering: .relaxed) }

  /// Tells the watchdog which training step this rank has reached, so that it can name it. A few nanoseconds.
  public func noteStep(_ step: Int) { board?.noteStep(step) }

  /// The same ranks in a separate channel: collectives on one do not meet those on the other. Collective.
  public func duplicate() throws -> Communicator {
    var result: Communicator?
    try collective(CollectiveCall(.duplicate)) { handle, board, name in
      var copy: MPI_Comm?
      try check(MPI_Comm_dup(handle, &copy), name(), rank: rank)
      result = try copy.map { try Communicator($0, board: board, checked: isChecked) }
    }
    return try derived(result)
  }

  /// Ranks that give the same color form one communicator, ordered by key, then by rank here. Collective.
  /// - Parameters:
  ///   - color: `0 ... Int32.max`
  ///   - key: any 32-bit number
  public func split(color: Int, key: Int) throws -> Communicator {
    guard color >= 0, let narrowColor = Int32(exactly: color), let narrowKey = Int32(exactly: key) else {
      throw invalidArgument(.split, "color \(color), key \(key): expected 32-bit numbers, the color not negative")
    }
    var result: Communicator?
    try collective(CollectiveCall(.split)) { handle, board, name in
      var part: MPI_Comm?
      try check(MPI_Comm_split(handle, narrowColor, narrowKey, &part), name(), rank: rank)
      result = try part.map { try Communicator($0, board: board, checked: isChecked) }
    }
    return try derived(result)
  }

  private func derived(_ communicator: Communicator?) throws -> Communicator {
    if hub != nil { throw invalidArgument(.duplicate, "simulated ranks have one communicator only") }
    let result = communicator ?? Communicator(checked: isChecked)
    result.pieceLength = pieceLength
    return result
  }
}

extension Communicator {
  /// The frame of every collective: number it, show it to the watchdog, compare it in checked mode, then run `body`
  /// with MPI's handle, the board and the collective's name for errors. Without MPI, `body` does not run: a simulated rank
  /// then turns to its hub with the number that this returns.
  @discardableResult
  func collective(
    _ call: CollectiveCall, _ body: (MPI_Comm, ProgressBoard, () -> String) throws -> Void
  ) throws -> Int {
    let sequence = issued.add(1, ordering: .relaxed).newValue
    guard let handle, let checkingHandle, let board else { return sequence }
    board.enter(call.operation, communicator: identifier, sequence: sequence)
    defer { board.leave() }
    if isChecked {
      try Agreement(rank: rank, size: size, sequence: sequence).compare(call, on: checkingHandle)
    }
    try body(handle, board) { "\(call.operation) #\(sequence)" }
    return sequence
  }

  /// The frame of a send or receive: checks the peer and the tag, and shows it to the watchdog.
  func transfer(_ operation: Operation, peer: Int, tag: Int, _ body: (MPI_Comm, Int32, Int32) throws -> Void) throws {
    guard (0..<size).contains(peer), peer != rank else {
      throw invalidArgument(operation, "rank \(peer): expected another rank of 0 ..< \(size)")
    }
    // MPI promises no tag above 32767.
    guard (0...32767).contains(tag) else { throw invalidArgument(operation, "tag \(tag): expected 0 ... 32767") }
    let sequence = transfers.add(1, ordering: .relaxed).newValue
    guard let handle, let board else { return }
    board.enter(operation, communicator: identifier, sequence: sequence, peer: members[peer])
    defer { board.leave() }
    try body(handle, Int32(peer), Int32(tag))
  }

  func invalidArgument(_ operation: Operation, _ text: String) -> MessagePassingError {
    MessagePassingError(.invalidArgument, "\(operation)", text, rank: rank)
  }

  func requireRoot(_ root: Int, _ operation: Operation) throws {
    guard (0..<size).contains(root) else {
      throw invalidArgument(operation, "root \(root): expected a rank of 0 ..< \(size)")
    }
  }

  /// Calls `body` with offset and length of each piece; not at all for nothing.
  func forEachPiece(of count: Int, atMost limit: Int = .max, _ body: (Int, Int32) throws -> Void) throws {
    let length = min(pieceLength, limit)
    for offset in stride(from: 0, to: count, by: length) { try body(offset, Int32(min(length, count - offset))) }
  }
}
