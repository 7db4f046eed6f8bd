import CMPI

// Collectives that bring together arrays whose lengths may differ from rank to rank.
extension Communicator {
  /// Returns every rank's values, in the order of the ranks, on every rank. Lengths may differ or be zero.
  public func allGather<T: MessageElement>(_ values: [T]) throws -> [[T]] {
    var result = [values]
    let sequence = try collective(CollectiveCall(.allGather, T.messageType)) { handle, _, name in
      result = try gatherRounds(values, on: handle, name, receives: true) { own, ownCount, all, counts, starts in
        let type = T.messageType.datatype
        return MPI_Allgatherv(own, ownCount, type, all, counts, starts, type, handle)
      }
    }
    return try hub?.gather(values, rank: rank, sequence: sequence) ?? result
  }

  /// Returns every rank's values, in the order of the ranks, on rank `root`; nil elsewhere. Lengths may differ.
  public func gather<T: MessageElement>(_ values: [T], to root: Int) throws -> [[T]]? {
    try requireRoot(root, .gather)
    var result = [values]
    let sequence = try collective(CollectiveCall(.gather, T.messageType, root: root)) { handle, _, name in
      let receives = rank == root
      result = try gatherRounds(values, on: handle, name, receives: receives) { own, ownCount, all, counts, starts in
        let type = T.messageType.datatype
        return MPI_Gatherv(own, ownCount, type, all, counts, starts, type, Int32(root), handle)
      }
    }
    result = try hub?.gather(values, rank: rank, sequence: sequence) ?? result
    return rank == root ? result : nil
  }

  private typealias Exchange<T> = (
    _ own: UnsafePointer<T>?, _ ownCount: Int32, _ all: UnsafeMutablePointer<T>?, _ counts: [Int32], _ starts: [Int32]
  ) -> Int32

  /// Gathers in rounds that bring at most `pieceLength` elements together (ordinarily one), because MPI's counts and
  /// displacements are 32 bits wide. Every rank learns all lengths first, so all run the same number of rounds.
  private func gatherRounds<T: MessageElement>(
    _ values: [T], on handle: MPI_Comm, _ name: () -> String, receives: Bool, _ exchange: Exchange<T>
  ) throws -> [[T]] {
    let lengths = try exchangeLengths(values.count, on: handle, name)
    let quota = max(1, pieceLength / size)
    var result = [[T]](repeating: [], count: size)
    for offset in stride(from: 0, to: lengths.max() ?? 0, by: quota) {
      let counts = lengths.map { Int32(max(0, min(quota, $0 - offset))) }
      var starts = [Int32](repeating: 0, count: size)
      for index in 1..<max(1, size) { starts[index] = starts[index - 1] + counts[index - 1] }
      let total = receives ? counts.reduce(0) { $0 + Int($1) } : 0

      let gathered = try [T](unsafeUninitializedCapacity: total) { scratch, filled in
        let status = values.withUnsafeBufferPointer { own in
          // A rank that has given all of its values still takes part, with a count of zero.
          let start = counts[rank] > 0 ? own.baseAddress.map { $0 + offset } : own.baseAddress
          return exchange(start, counts[rank], scratch.baseAddress, counts, starts)
        }
        try check(status, name(), rank: rank)
        filled = total
      }
      if receives {
        for source in 0..<size { result[source] += gathered[Int(starts[source])...].prefix(Int(counts[source])) }
      }
    }
    return result
  }

  private func exchangeLengths(_ length: Int, on handle: MPI_Comm, _ name: () -> String) throws -> [Int] {
    var own = Int64(length)
    var all = [Int64](repeating: 0, count: size)
    let type = MessageType.int64.datatype
    try check(MPI_Allgather(&own, 1, type, &all, 1, type, handle), name(), rank: rank)
    return all.map { Int($0) }
  }
}
