import CMPI
import Failures

/// A sum over all ranks that goes on by messages while its ranks compute: each step of its schedule as soon as the one before it is
/// through.
///
/// The memory is cut into pieces, several of which are on their way at once, so that one comes while another goes and is added. The
/// order of additions is the schedule's, the same in every run.
final class ScheduledSum: PendingTransfer {
  /// Elements of a message. 128 KB at most: small enough to begin early, large enough that its overhead is none.
  private static let (leastElements, mostElements) = (1 << 13, 1 << 15)
  /// Pieces on their way at once, of all sums: enough that no link waits for this process, and no more, as whatever else is sent,
  /// such as a layer's statistics, waits behind them.
  static let mostActive = 6
  /// Messages of so many sums can be on their way at once.
  static let tagCount = 30

  private struct Piece {
    let index: Int
    let room: UnsafeMutablePointer<Float>
    var step = 0
    var sending, receiving: MPI_Request?
  }

  private let handle: MPI_Comm
  private let schedule: SumSchedule
  /// The ranks by their places in the schedule.
  private let order: [Int]
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

  /// - Parameters:
  ///   - order: the ranks by their places in the schedule.
  ///   - number: how many sums of the group were started before.
  init(
    _ values: UnsafeMutableBufferPointer<Float>, over handle: MPI_Comm, _ schedule: SumSchedule, order: [Int],
    number: Int
  ) {
    (self.values, self.handle, self.schedule, self.order) = (values, handle, schedule, order)
    self.number = number % Self.tagCount
    // Of the longest message that there would be without pieces.
    let segment = (values.count + schedule.segments - 1) / schedule.segments
    let message = min(values.count, segment * schedule.longest)
    let several = min(Self.mostActive, message / Self.leastElements)
    let pieces = max(1, several, (message + Self.mostElements - 1) / Self.mostElements)
    pieceCount = values.isEmpty || schedule.steps.isEmpty ? 0 : pieces
    roomElements = pieceCount == 0 ? 0 : (segment + pieces - 1) / pieces * schedule.longest
    rooms = .allocate(capacity: max(1, roomElements * min(Self.mostActive, pieceCount)))
  }

  deinit { rooms.deallocate() }

  /// The elements of a piece that are some of its segments; the same cuts on every rank.
  private func elements(_ piece: Piece, _ segments: Range<Int>) -> UnsafeMutableBufferPointer<Float> {
    let (start, end) = (values.count * piece.index / pieceCount, values.count * (piece.index + 1) / pieceCount)
    func cut(_ segment: Int) -> Int { start + (end - start) * segment / schedule.segments }
    return UnsafeMutableBufferPointer(rebasing: values[cut(segments.lowerBound)..<cut(segments.upperBound)])
  }

  /// Pieces on their way, each with room for what it receives.
  var activeCount: Int { active.count }

  /// Does what can be done without waiting.
  ///
  /// - Parameter limit: new pieces only as long as fewer than so many are on their way.
  func advance(limit: Int = mostActive) {
    guard error == nil else { return }
    defer { if isDone && completedAt == nil { completedAt = monotonicNanoseconds() } }
    do {
      for place in active.indices { try advance(&active[place]) }
      active.removeAll(where: isThrough)
      // Of two pieces with one room, and one tag, the later begins when the earlier is through.
      while next < pieceCount, active.count < limit, next < (active.first?.index ?? next) + Self.mostActive {
        var piece = Piece(index: next, room: rooms + next % Self.mostActive * roomElements)
        next += 1
        try start(&piece)
        try advance(&piece)
        if !isThrough(piece) { active.append(piece) }
      }
    } catch { self.error = error }
  }

  private func isThrough(_ piece: Piece) -> Bool { piece.step == schedule.steps.count }

  private func start(_ piece: inout Piece) throws {
    let step = schedule.steps[piece.step]
    let tag = Int32(number * Self.mostActive + piece.index % Self.mostActive)
    let type = MessageType.float32.datatype
    if let from = step.from {
      let place = elements(piece, step.received)
      let target = step.isAdding ? piece.room : place.baseAddress
      try check(MPI_Irecv(target, Int32(place.count), type, Int32(order[from]), tag, handle, &piece.receiving))
    }
    if let to = step.to {
      let sent = elements(piece, step.sent)
      try check(MPI_Isend(sent.baseAddress, Int32(sent.count), type, Int32(order[to]), tag, handle, &piece.sending))
    }
  }

  private func advance(_ piece: inout Piece) throws {
    while !isThrough(piece) {
      guard try isComplete(&piece.receiving), try isComplete(&piece.sending) else { return }
      let step = schedule.steps[piece.step]
      if step.isAdding { add(piece.room, to: elements(piece, step.received)) }
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

  private func add(_ room: UnsafeMutablePointer<Float>, to target: UnsafeMutableBufferPointer<Float>) {
    for index in target.indices { target[index] += room[index] }
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
