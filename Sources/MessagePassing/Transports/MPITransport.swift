import CMPI
import Synchronization

/// Messages between the processes of an MPI job.
final class MPITransport: Transport, @unchecked Sendable {
  let rank: Int
  let size: Int
  let handle: MPI_Comm
  /// The longest run of elements given to MPI in one call, whose counts are 32 bits wide; longer ones travel in pieces.
  var pieceLength: Int
  /// How floats are added up.
  let floatSums: FloatSums

  /// - Parameter hosts: for each rank the number of the host that it is on.
  init(_ handle: MPI_Comm, pieceLength: Int = 1 << 30, hosts: [Int]) throws {
    var ownRank: Int32 = 0
    try call(MPI_Comm_rank(handle, &ownRank))
    (rank, size) = (Int(ownRank), hosts.count)
    (self.handle, self.pieceLength) = (handle, pieceLength)
    floatSums = FloatSums(handle, rank: rank, hosts: hosts)
  }

  var sums: FloatSums? { floatSums }

  func barrier() throws { try call(MPI_Barrier(handle)) }

  func allReduce(_ message: Message, _ operation: ReductionOperation) throws {
    if operation == .sum, let sum = try start(message) { return try sum.wait() }
    try allReduceByLibrary(message, operation)
  }

  private func allReduceByLibrary(_ message: Message, _ operation: ReductionOperation) throws {
    try forEachPiece(of: message, atMost: Communicator.allReducePiece) { start, length in
      try call(
        MPI_Allreduce(cmpi_in_place(), start, length, message.type.datatype, operation.handle, handle))
    }
  }

  func startAllReduce(_ message: Message, _ operation: ReductionOperation) throws -> any PendingTransfer {
    if operation == .sum, let sum = try start(message) { return sum }
    let transfer = MPITransfer()
    try forEachPiece(of: message) { start, length in
      var request: MPI_Request?
      try call(
        MPI_Iallreduce(
          cmpi_in_place(), start, length, message.type.datatype, operation.handle, handle, &request))
      transfer.pending.append(request)
    }
    return transfer
  }

  func startTreeSum(_ message: Message) throws -> (any PendingTransfer)? {
    guard message.type == .float32, message.count > 0 else { return nil }
    return try floatSums.startInTree(message.bytes.assumingMemoryBound(to: Float.self))
  }

  func sum(_ message: Message, by algorithm: SumAlgorithm) throws {
    if let sum = try start(message, algorithm) { return try sum.wait() }
    try allReduceByLibrary(message, .sum)
  }

  /// A sum that is not the library's, started.
  private func start(_ message: Message, _ algorithm: SumAlgorithm? = nil) throws -> (any PendingTransfer)? {
    guard message.type == .float32 else { return nil }
    return try floatSums.start(message.bytes.assumingMemoryBound(to: Float.self), algorithm)
  }

  func broadcast(_ message: Message, from root: Int) throws {
    try forEachPiece(of: message) { start, length in
      try call(MPI_Bcast(start, length, message.type.datatype, Int32(root), handle))
    }
  }

  func duplicate() throws -> any Transport {
    var copy: MPI_Comm?
    try call(MPI_Comm_dup(handle, &copy))
    return try made(copy)
  }

  func split(color: Int32, key: Int32) throws -> any Transport {
    var part: MPI_Comm?
    try call(MPI_Comm_split(handle, color, key, &part))
    return try made(part)
  }

  func hostMemory(_ byteCount: Int) throws -> HostMemory? { try .shared(over: handle, byteCount) }

  private func made(_ handle: MPI_Comm?) throws -> any Transport {
    guard let handle else { throw TransportFault(.environment, "MPI made no communicator") }
    var size: Int32 = 0
    try call(MPI_Comm_size(handle, &size))
    var (own, hosts) = ([Int64(floatSums.hosts[rank])], [Int64](repeating: 0, count: Int(size)))
    let type = MessageType.int64.datatype
    try call(MPI_Allgather(&own, 1, type, &hosts, 1, type, handle))
    let part = try MPITransport(handle, pieceLength: pieceLength, hosts: hosts.map(Int.init))
    part.floatSums.plan.doublingElements = floatSums.plan.doublingElements
    return part
  }

  /// Calls `body` with the start and length of each piece; not at all for nothing.
  func forEachPiece(
    of message: Message, atMost limit: Int = .max, _ body: (UnsafeMutableRawPointer, Int32) throws -> Void
  ) throws {
    guard let start = message.start else { return }
    let length = min(pieceLength, limit)
    for offset in stride(from: 0, to: message.count, by: length) {
      try body(start + offset * message.type.byteCount, Int32(min(length, message.count - offset)))
    }
  }
}

extension MPITransport {
  /// In rounds that bring at most `pieceLength` elements together (ordinarily one), because MPI's counts and displacements
  /// are 32 bits wide. Every rank knows all counts, so all run the same number of rounds.
  func gather(_ own: Message, counts: [Int], into all: Message, to root: Int?) throws {
    if root == nil, let count = counts.first, counts.allSatisfy({ $0 == count }), count * size <= pieceLength {
      let type = own.type.datatype
      return try progressing {
        MPI_Iallgather(own.start, Int32(count), type, all.start, Int32(count), type, handle, &$0)
      }
    }
    let quota = max(1, pieceLength / size)
    let longest = counts.max() ?? 0
    if longest <= quota { return try gatherRound(own, counts, into: all, to: root) }
    // Each round's elements come to lie rank by rank, and are then put behind the rank's earlier ones.
    let firsts = counts.indices.map { counts[..<$0].reduce(0, +) }
    let byteCount = own.type.byteCount
    let scratch = UnsafeMutableRawPointer.allocate(byteCount: quota * size * byteCount, alignment: 16)
    defer { scratch.deallocate() }
    for offset in stride(from: 0, to: longest, by: quota) {
      let lengths = counts.map { max(0, min(quota, $0 - offset)) }
      let part = lengths[rank] > 0 ? own[offset..<offset + lengths[rank]] : own[0..<0]
      try gatherRound(part, lengths, into: Message(own.type, scratch, count: lengths.reduce(0, +)), to: root)
      guard let target = all.start, root == nil || root == rank else { continue }
      var source = scratch
      for (peer, length) in lengths.enumerated() {
        (target + (firsts[peer] + offset) * byteCount).copyMemory(from: source, byteCount: length * byteCount)
        source += length * byteCount
      }
    }
  }

  private func gatherRound(_ own: Message, _ lengths: [Int], into all: Message, to root: Int?) throws {
    let counts = lengths.map { Int32($0) }
    var starts = [Int32](repeating: 0, count: size)
    for index in 1..<max(1, size) { starts[index] = starts[index - 1] + counts[index - 1] }
    let type = own.type.datatype
    // A rank that has given all of its elements still takes part, with a count of zero.
    if let root {
      try call(
        MPI_Gatherv(own.start, Int32(own.count), type, all.start, counts, starts, type, Int32(root), handle))
    } else {
      try call(MPI_Allgatherv(own.start, Int32(own.count), type, all.start, counts, starts, type, handle))
    }
  }
}

/// Messages between two ranks. Each is preceded by a header of two numbers, type and element count, so that the receiver
/// can refuse a message that is not what it expects instead of reading it wrongly.
extension MPITransport {
  func send(_ message: Message, to peer: Int, tag: Int) throws {
    let header = [Int64(message.type.rawValue), Int64(message.count)]
    try call(MPI_Send(header, 2, MessageType.int64.datatype, Int32(peer), Int32(tag), handle))
    try forEachPiece(of: message) { start, length in
      try call(MPI_Send(start, length, message.type.datatype, Int32(peer), Int32(tag), handle))
    }
  }

  func announcement(from peer: Int, tag: Int) throws -> (type: MessageType?, count: Int) {
    var header: [Int64] = [0, 0]
    try call(
      MPI_Recv(&header, 2, MessageType.int64.datatype, Int32(peer), Int32(tag), handle, cmpi_status_ignore()))
    return (UInt8(exactly: header[0]).flatMap { MessageType(rawValue: $0) }, Int(clamping: header[1]))
  }

  func receive(into message: Message, from peer: Int, tag: Int) throws {
    try forEachPiece(of: message) { start, length in
      try call(
        MPI_Recv(start, length, message.type.datatype, Int32(peer), Int32(tag), handle, cmpi_status_ignore()))
    }
  }

  func exchange(_ message: Message, into received: Message, with peer: Int, tag: Int) throws {
    let (type, peer, tag) = (message.type.datatype, Int32(peer), Int32(tag))
    guard let target = received.start else { return }
    try forEachPiece(of: message) { start, length in
      let place = target + (start - (message.start ?? start))
      try call(
        MPI_Sendrecv(
          start, length, type, peer, tag, place, length, type, peer, tag, handle, cmpi_status_ignore()))
    }
  }
}

/// Pieces of an allreduce that MPI works on.
private final class MPITransfer: PendingTransfer {
  var pending: [MPI_Request?] = []

  func wait() throws {
    while var request = pending.popLast() { try call(MPI_Wait(&request, cmpi_status_ignore())) }
  }

  func test() throws -> Bool {
    var isComplete: Int32 = 0
    try call(MPI_Testall(Int32(pending.count), &pending, &isComplete, cmpi_statuses_ignore()))
    if isComplete != 0 { pending = [] }
    return isComplete != 0
  }
}

extension MessageType {
  var datatype: MPI_Datatype {
    switch self {
    case .float32: cmpi_float32()
    case .float64: cmpi_float64()
    case .int32: cmpi_int32()
    case .int64: cmpi_int64()
    case .uint8: cmpi_uint8()
    case .uint64: cmpi_uint64()
    }
  }
}

extension ReductionOperation {
  fileprivate var handle: MPI_Op {
    switch self {
    case .sum: cmpi_sum()
    case .minimum: cmpi_minimum()
    case .maximum: cmpi_maximum()
    }
  }
}

/// A call of MPI that starts a collective, and then its completion. Sums that are on their way go on meanwhile, as they would not
/// in a blocking call.
private func progressing(_ start: (inout MPI_Request?) -> Int32) throws {
  var request: MPI_Request?
  try call(start(&request))
  guard MPIProgress.shared.hasSums else { return try call(MPI_Wait(&request, cmpi_status_ignore())) }
  var isComplete: Int32 = 0
  while isComplete == 0 {
    MPIProgress.shared.driveAll()
    try call(MPI_Test(&request, &isComplete, cmpi_status_ignore()))
  }
}

/// A call of MPI while no other thread is in one.
func call(_ function: @autoclosure () -> Int32) throws {
  try MPIProgress.shared.locked { try check(function()) }
}

/// Every MPI call of this package goes through here: its status becomes a fault, or nothing.
func check(_ status: Int32) throws {
  guard status != MPI_SUCCESS else { return }
  // Before MPI is started, asking it what its status means would end the process.
  var isStarted: Int32 = 0
  MPI_Initialized(&isStarted)
  var (errorClass, text) = (status, String?.none)
  if isStarted != 0 {
    MPI_Error_class(status, &errorClass)
    text = mpiString(capacity: cmpi_maximum_error_string) { MPI_Error_string(status, $0, $1) }
  }
  throw TransportFault(.mpi(errorClass: errorClass), text ?? "MPI error \(status)")
}

/// Reads one of MPI's texts, which fill a buffer of fixed size and give the length; nil when MPI has none.
func mpiString(capacity: Int, _ read: (UnsafeMutablePointer<CChar>, UnsafeMutablePointer<Int32>) -> Int32) -> String? {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity + 1) { buffer in
    buffer.initialize(repeating: 0)
    guard let start = buffer.baseAddress else { return nil }
    var length: Int32 = 0
    guard read(start, &length) == MPI_SUCCESS else { return nil }
    let bytes = buffer.prefix(max(0, min(Int(length), capacity))).map { UInt8(bitPattern: $0) }
    return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
}
