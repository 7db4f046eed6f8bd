import CMPI
import Failures

/// A sum over all ranks that is sent in pieces round a ring, each to the next rank as soon as it is there: every link carries
/// the least that a sum can take, whatever the number of ranks, and pieces that wait for a slow link let the processor go on.
///
/// The memory is cut into as many segments as there are ranks, and each of those into pieces. In the first half of a piece's steps
/// a rank adds what comes from the rank before it, so that at their end each has one segment's sum; in the second half the sums
/// go round. A sum's order of additions is the ring's, the same in every run.
final class RingSum: PendingTransfer {
  /// A quarter of a megabyte at most: small enough to begin early, large enough that its messages' overhead is none. Of small
  /// segments several, too, so that a piece comes while another goes.
  private static let (leastElements, mostElements) = (1 << 13, 1 << 16)
  /// Pieces on their way at once, each with room for what it receives.
  private static let mostActive = 8
  /// Messages of so many sums can be on their way at once.
  static let tagCount = 30

  private struct Piece {
    let index: Int
    let room: UnsafeMutablePointer<Float>
    var step = 0
    var sending, receiving: MPI_Request?
  }

  private let handle: MPI_Comm
  private let rank, size: Int
  private let values: UnsafeMutableBufferPointer<Float>
  private let pieceCount: Int
  private let rooms: UnsafeMutablePointer<Float>
  private let roomElements: Int
  private var active: [Piece] = []
  private var next = 0
  /// Which of the group's sums this is, modulo `tagCount`.
  private let number: Int
  private(set) var error: (any Error)?
  private(set) var completedAt: Int?

  /// Whether there is nothing more to do.
  var isDone: Bool { error != nil || (active.isEmpty && next == pieceCount) }

  /// - Parameter number: how many sums of the group were started before.
  init(_ values: UnsafeMutableBufferPointer<Float>, over handle: MPI_Comm, rank: Int, size: Int, number: Int) {
    (self.values, self.handle, self.rank, self.size) = (values, handle, rank, size)
    self.number = number % Self.tagCount
    let longest = (values.count + size - 1) / size
    let several = min(Self.mostActive, longest / Self.leastElements)
    let pieces = max(1, several, (longest + Self.mostElements - 1) / Self.mostElements)
    pieceCount = values.isEmpty || size == 1 ? 0 : pieces
    roomElements = pieceCount == 0 ? 0 : (longest + pieceCount - 1) / pieceCount
    rooms = .allocate(capacity: max(1, roomElements * min(Self.mostActive, pieceCount)))
  }

  deinit { rooms.deallocate() }

  /// The elements of a piece of a segment; the same cuts on every rank.
  private func range(_ piece: Int, ofSegment segment: Int) -> Range<Int> {
    let (start, end) = (values.count * segment / size, values.count * (segment + 1) / size)
    let count = end - start
    return start + count * piece / pieceCount..<start + count * (piece + 1) / pieceCount
  }

  /// The segment that goes to the next rank at a step; the one that comes is that of the step after it.
  private func segment(at step: Int) -> Int { ((rank - step) % size + size) % size }

  /// Does what can be done without waiting.
  func advance() {
    guard error == nil else { return }
    defer { if isDone && completedAt == nil { completedAt = monotonicNanoseconds() } }
    do {
      for place in active.indices { try advance(&active[place]) }
      active.removeAll(where: isThrough)
      // Of two pieces with one room, and one tag, the later begins when the earlier is through.
      while next < pieceCount, next < (active.first?.index ?? next) + Self.mostActive {
        var piece = Piece(index: next, room: rooms + next % Self.mostActive * roomElements)
        next += 1
        try start(&piece)
        try advance(&piece)
        if !isThrough(piece) { active.append(piece) }
      }
    } catch { self.error = error }
  }

  private func isThrough(_ piece: Piece) -> Bool { piece.step == 2 * (size - 1) }

  private func start(_ piece: inout Piece) throws {
    let (sent, received) = (range(piece.index, ofSegment: segment(at: piece.step)), incoming(piece))
    let tag = Int32(number * Self.mostActive + piece.index % Self.mostActive)
    let target = isAdding(piece) ? piece.room : start(of: received)
    try check(
      MPI_Irecv(
        target, Int32(received.count), MessageType.float32.datatype, Int32((rank + size - 1) % size), tag, handle,
        &piece.receiving))
    try check(
      MPI_Isend(
        start(of: sent), Int32(sent.count), MessageType.float32.datatype, Int32((rank + 1) % size), tag, handle,
        &piece.sending))
  }

  private func advance(_ piece: inout Piece) throws {
    while !isThrough(piece) {
      guard try isComplete(&piece.receiving), try isComplete(&piece.sending) else { return }
      if isAdding(piece) { add(piece) }
      piece.step += 1
      if isThrough(piece) { return }
      try start(&piece)
    }
  }

  private func isComplete(_ request: inout MPI_Request?) throws -> Bool {
    guard request != nil else { return true }
    var flag: Int32 = 0
    try check(MPI_Test(&request, &flag, cmpi_status_ignore()))
    if flag != 0 { request = nil }
    return flag != 0
  }

  private func incoming(_ piece: Piece) -> Range<Int> { range(piece.index, ofSegment: segment(at: piece.step + 1)) }
  private func isAdding(_ piece: Piece) -> Bool { piece.step < size - 1 }
  private func start(of range: Range<Int>) -> UnsafeMutablePointer<Float>? {
    values.baseAddress.map { $0 + range.lowerBound }
  }

  private func add(_ piece: Piece) {
    let range = incoming(piece)
    guard let target = start(of: range) else { return }
    let room = piece.room
    for index in 0..<range.count { target[index] += room[index] }
  }

  func wait() throws {
    MPIProgress.shared.wait(for: self)
    if let error { throw error }
  }

  func test() throws -> Bool {
    let isDone = MPIProgress.shared.drive(self)
    if let error { throw error }
    return isDone
  }
}
