import CMPI

// Collectives: every rank of the communicator calls them, in the same order. All throw `MessagePassingError`.
extension Communicator {
  /// Returns when every rank has called it.
  public func barrier() throws {
    let sequence = try collective(CollectiveCall(.barrier)) { handle, _, name in
      try check(MPI_Barrier(handle), name(), rank: rank)
    }
    _ = try hub?.gather([], rank: rank, sequence: sequence)
  }

  /// Elements of a blocking allreduce that fit the cache: 256 MB between two ranks of a host take 110 ms in such pieces,
  /// 200 ms as one, and 415 ms by the call that does not block.
  public static let allReducePiece = 1 << 18

  /// Replaces each element of `buffer` by its sum (minimum, maximum) over all ranks; the counts must be equal.
  public func allReduce<T: MessageElement>(
    _ buffer: UnsafeMutableBufferPointer<T>, _ operation: ReductionOperation = .sum
  ) throws {
    let call = CollectiveCall(.allReduce, T.messageType, operation, count: buffer.count)
    let sequence = try collective(call) { handle, _, name in
      guard let start = buffer.baseAddress else { return }
      try forEachPiece(of: buffer.count, atMost: Self.allReducePiece) { offset, length in
        let status = MPI_Allreduce(
          cmpi_in_place(), start + offset, length, T.messageType.datatype, operation.handle, handle)
        try check(status, name(), rank: rank)
      }
    }
    try hub?.reduce(buffer, operation, rank: rank, sequence: sequence)
  }

  /// Returns the elementwise sum (minimum, maximum) of the ranks' `values`, which must have the same count.
  public func allReduce<T: MessageElement>(_ values: [T], _ operation: ReductionOperation = .sum) throws -> [T] {
    var result = values
    try result.withUnsafeMutableBufferPointer { try allReduce($0, operation) }
    return result
  }

  /// Starts an allreduce in place and returns at once; `buffer` must stay allocated and untouched until
  /// `Request.wait()` returns or `Request.test()` gives true, which one of them must.
  public func startAllReduce<T: MessageElement>(
    _ buffer: UnsafeMutableBufferPointer<T>, _ operation: ReductionOperation = .sum
  ) throws -> Request {
    var pending: [MPI_Request?] = []
    let call = CollectiveCall(.allReduce, T.messageType, operation, count: buffer.count)
    let sequence = try collective(call) { handle, _, name in
      guard let start = buffer.baseAddress else { return }
      try forEachPiece(of: buffer.count) { offset, length in
        var request: MPI_Request?
        let status = MPI_Iallreduce(
          cmpi_in_place(), start + offset, length, T.messageType.datatype, operation.handle, handle, &request)
        try check(status, name(), rank: rank)
        pending.append(request)
      }
    }
    try hub?.reduce(buffer, operation, rank: rank, sequence: sequence)
    return Request(pending, .allReduce, sequence: sequence, of: self)
  }

  /// Copies rank `root`'s buffer into the buffers of all ranks, which must have the same count.
  public func broadcast<T: MessageElement>(_ buffer: UnsafeMutableBufferPointer<T>, from root: Int) throws {
    try requireRoot(root, .broadcast)
    let call = CollectiveCall(.broadcast, T.messageType, count: buffer.count, root: root)
    let sequence = try collective(call) { handle, _, name in
      try broadcastPieces(buffer, from: root, on: handle, name)
    }
    if let values = try hub?.broadcast(UnsafeBufferPointer(buffer), from: root, rank: rank, sequence: sequence) {
      _ = buffer.update(from: values)
    }
  }

  /// Returns rank `root`'s values on every rank. What the others give does not matter, its length neither.
  public func broadcast<T: MessageElement>(_ values: [T], from root: Int) throws -> [T] {
    try requireRoot(root, .broadcast)
    var result = values
    let sequence = try collective(CollectiveCall(.broadcast, T.messageType, root: root)) { handle, _, name in
      var count = Int64(values.count)
      try withUnsafeMutablePointer(to: &count) {
        try broadcastPieces(UnsafeMutableBufferPointer(start: $0, count: 1), from: root, on: handle, name)
      }
      if rank != root {
        // Left uninitialized: the broadcast fills it.
        result = [T](unsafeUninitializedCapacity: Int(count)) { $1 = Int(count) }
      }
      try result.withUnsafeMutableBufferPointer { try broadcastPieces($0, from: root, on: handle, name) }
    }
    if let hub {
      result = try values.withUnsafeBufferPointer {
        try hub.broadcast($0, from: root, rank: rank, sequence: sequence)
      }
    }
    return result
  }

  private func broadcastPieces<T: MessageElement>(
    _ buffer: UnsafeMutableBufferPointer<T>, from root: Int, on handle: MPI_Comm, _ name: () -> String
  ) throws {
    guard let start = buffer.baseAddress else { return }
    try forEachPiece(of: buffer.count) { offset, length in
      try check(
        MPI_Bcast(start + offset, length, T.messageType.datatype, Int32(root), handle), name(), rank: rank)
    }
  }
}
