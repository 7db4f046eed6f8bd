import Testing

@testable import MessagePassing
@testable import TestSupport

extension CollectivesRanksTests {
  /// The last rank does something else than the others: every rank must be told, in the same words, and go on.
  @Suite struct CheckedMode {
    @Test func anotherCountIsNamed() throws {
      try expectMismatch("ranks disagree: OTHERS allreduce(sum) of 4 float32 #1; LAST allreduce(sum) of 8 float32 #1") {
        _ = try $0.allReduce([Float](repeating: 1, count: $1 ? 8 : 4))
      }
    }

    @Test func anotherTypeIsNamed() throws {
      try expectMismatch(
        "ranks disagree: OTHERS broadcast of float32 from rank 0 #1; LAST broadcast of float64 from rank 0 #1"
      ) {
        if $1 { _ = try $0.broadcast([1.0], from: 0) } else { _ = try $0.broadcast([Float(1)], from: 0) }
      }
    }

    @Test func anotherReductionIsNamed() throws {
      try expectMismatch("ranks disagree: OTHERS allreduce(sum) of 1 int32 #1; LAST allreduce(maximum) of 1 int32 #1") {
        _ = try $0.allReduce([Int32(1)], $1 ? .maximum : .sum)
      }
    }

    @Test func anotherRootIsNamed() throws {
      try expectMismatch("ranks disagree: OTHERS gather of uint8 to rank 0 #1; LAST gather of uint8 to rank 1 #1") {
        _ = try $0.gather([UInt8(1)], to: $1 ? 1 : 0)
      }
    }

    @Test func anotherCollectiveIsNamed() throws {
      try expectMismatch("ranks disagree: OTHERS allgather of int64 #1; LAST barrier #1") {
        if $1 { try $0.barrier() } else { _ = try $0.allGather([Int64(1)]) }
      }
    }

    @Test func anotherCountIsNamedWhenStarted() throws {
      try expectMismatch("ranks disagree: OTHERS allreduce(sum) of 3 uint64 #1; LAST allreduce(sum) of 2 uint64 #1") {
        communicator, isLast in
        var values = [UInt64](repeating: 1, count: isLast ? 2 : 3)
        try values.withUnsafeMutableBufferPointer { try communicator.startAllReduce($0).wait() }
      }
    }

    /// Nobody makes sense of ranks that called nothing in common, but each of them must be listed.
    @Test func listsGroupsByTheirSizes() {
      let calls = [
        CollectiveCall(.barrier), CollectiveCall(.allReduce, .float32, .sum, count: 5), CollectiveCall(.barrier),
        CollectiveCall(.barrier), CollectiveCall(.broadcast, .uint8, count: 0, root: 3), CollectiveCall(.barrier),
      ]
      let words = calls.map { ([9] + $0.words)[...] }
      #expect(
        Agreement.describe(words)
          == "ranks disagree: ranks 0, 2, 3, 5 call barrier #9; rank 1 calls allreduce(sum) of 5 float32 #9; "
          + "rank 4 calls broadcast of 0 uint8 from rank 3 #9")
      #expect(rankList([0, 1, 2, 3, 7, 9, 10]) == "ranks 0–3, 7, 9, 10")
      #expect(rankList([4]) == "rank 4")
    }

    private func expectMismatch(_ wanted: String, _ call: (Communicator, _ isLast: Bool) throws -> Void) throws {
      let communicator = try Ranks.duplicate()
      let (rank, size) = (communicator.rank, communicator.size)
      guard size > 1 else { return }
      let error = #expect(throws: MessagePassingError.self) { try call(communicator, rank == size - 1) }
      let others = rankList(Array(0..<(size - 1))) + (size == 2 ? " calls" : " call")
      let text = wanted.replacing("OTHERS", with: others).replacing("LAST", with: "rank \(size - 1) calls")
      #expect(error?.reason == .mismatch)
      #expect(error?.text == text)
      #expect(error?.rank == rank)
      // All ranks stopped before the collective, so they are still in step.
      #expect(try communicator.allReduce([Int32(1)]) == [Int32(size)])
    }
  }
}
