// Collectives: every rank of the communicator calls them, in the same order. All throw `MessagePassingError`.
extension Communicator {
  /// Returns when every rank has called it.
  public func barrier() throws {
    try collective(CollectiveCall(.barrier)) { try transport.barrier() }
  }

  /// Elements of a blocking allreduce that fit the cache: 256 MB between two ranks of a host take 110 ms in such pieces,
  /// 200 ms as one, and 415 ms by the call that does not block.
  public static let allReducePiece = 1 << 18

  /// Replaces each element of `buffer` by its sum (minimum, maximum) over all ranks; the counts must be equal.
  public func allReduce<T: MessageElement>(
    _ buffer: UnsafeMutableBufferPointer<T>, _ operation: ReductionOperation = .sum
  ) throws {
    try collective(CollectiveCall(.allReduce, T.messageType, operation, count: buffer.count)) {
      try transport.allReduce(Message(buffer), operation)
    }
  }

  /// Returns the elementwise sum (minimum, maximum) of the ranks' `values`, which must have the same count.
  public func allReduce<T: MessageElement>(_ values: [T], _ operation: ReductionOperation = .sum) throws -> [T] {
    var result = values
    try result.withUnsafeMutableBufferPointer { try allReduce($0, operation) }
    return result
  }

  /// Starts an allreduce in place and returns at once; `buffer` must stay allocated and untouched until
  /// `Request.wait()` returns or `Request.test()` gives true, which one of them must.
  ///
  /// `owner` holds the buffer's memory. It is kept as long as sums may arrive there, also where an error prevents the
  /// waiting.
  public func startAllReduce<T: MessageElement>(
    _ buffer: UnsafeMutableBufferPointer<T>, _ operation: ReductionOperation = .sum, owner: AnyObject? = nil
  ) throws -> Request {
    let call = CollectiveCall(.allReduce, T.messageType, operation, count: buffer.count)
    return try collective(call, isStarted: true) {
      let start = timeline?.now
      let transfer = try transport.startAllReduce(Message(buffer), operation)
      return Request(transfer, call, from: start, sequence: collectiveCount, of: self, owner: owner)
    }
  }

  /// The same for floats that are added in one tree, (0 + 1) + (2 + 3), whatever the hosts of these ranks; nil where there is no
  /// power of two of them, or where nothing carries such sums. `wait` leaves the same bits on every rank, in every run.
  public func startTreeSum(_ buffer: UnsafeMutableBufferPointer<Float>, owner: AnyObject? = nil) throws -> Request? {
    let call = CollectiveCall(.allReduce, .float32, .sum, count: buffer.count)
    return try collective(call, isStarted: true) {
      let start = timeline?.now
      return try transport.startTreeSum(Message(buffer)).map {
        Request($0, call, from: start, sequence: collectiveCount, of: self, owner: owner)
      }
    }
  }

  /// Copies rank `root`'s buffer into the buffers of all ranks, which must have the same count.
  public func broadcast<T: MessageElement>(_ buffer: UnsafeMutableBufferPointer<T>, from root: Int) throws {
    try requireRoot(root, .broadcast)
    try collective(CollectiveCall(.broadcast, T.messageType, count: buffer.count, root: root)) {
      try transport.broadcast(Message(buffer), from: root)
    }
  }

  /// Returns rank `root`'s values on every rank. What the others give does not matter, its length neither.
  public func broadcast<T: MessageElement>(_ values: [T], from root: Int) throws -> [T] {
    try requireRoot(root, .broadcast)
    return try collective(CollectiveCall(.broadcast, T.messageType, root: root)) {
      var count = Int64(values.count)
      try withUnsafeMutablePointer(to: &count) {
        try transport.broadcast(Message(UnsafeMutableBufferPointer(start: $0, count: 1)), from: root)
      }
      // Left uninitialized on the others: the broadcast fills it.
      var result = rank == root ? values : [T](unsafeUninitializedCapacity: Int(count)) { $1 = Int(count) }
      try result.withUnsafeMutableBufferPointer { try transport.broadcast(Message($0), from: root) }
      return result
    }
  }

  /// Returns every rank's values, in the order of the ranks, on every rank. Lengths may differ or be zero.
  public func allGather<T: MessageElement>(_ values: [T]) throws -> [[T]] {
    try collective(CollectiveCall(.allGather, T.messageType)) { try gatherRagged(values, to: nil) }
  }

  /// The same of values of which all ranks give as many: one message less.
  public func allGatherAlike<T: MessageElement>(_ values: [T]) throws -> [[T]] {
    try collective(CollectiveCall(.allGather, T.messageType, count: values.count)) { try transport.gatherAlike(values) }
  }

  /// Returns every rank's values, in the order of the ranks, on rank `root`; nil elsewhere. Lengths may differ.
  public func gather<T: MessageElement>(_ values: [T], to root: Int) throws -> [[T]]? {
    try requireRoot(root, .gather)
    let all = try collective(CollectiveCall(.gather, T.messageType, root: root)) { try gatherRagged(values, to: root) }
    return rank == root ? all : nil
  }

  /// Every rank learns all lengths first.
  private func gatherRagged<T: MessageElement>(_ values: [T], to root: Int?) throws -> [[T]] {
    let counts = try transport.gatherAlike([Int64(values.count)]).map { Int($0[0]) }
    let all = try transport.gather(values, counts: counts, to: root)
    guard root == nil || root == rank else { return [] }
    var next = 0
    return counts.map { count in
      defer { next += count }
      return Array(all[next..<next + count])
    }
  }
}
