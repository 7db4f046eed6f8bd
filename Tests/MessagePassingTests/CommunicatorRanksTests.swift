import Testing

@testable import MessagePassing
@testable import TestSupport

extension CollectivesRanksTests {
  @Suite struct Communicators {
    @Test func everyCollectiveCountsOnce() throws {
      let communicator = try Ranks.duplicate()
      communicator.pieceLength = 2
      #expect(communicator.collectiveCount == 0)
      var values = [Float](repeating: 1, count: 9)
      try values.withUnsafeMutableBufferPointer { values in
        try communicator.allReduce(values)
        try communicator.startAllReduce(values).wait()
      }
      #expect(communicator.collectiveCount == 2)
      _ = try communicator.allGather(values)
      _ = try communicator.gather(values, to: 0)
      _ = try communicator.broadcast(values, from: 0)
      try communicator.barrier()
      #expect(communicator.collectiveCount == 6)
    }

    /// Half of the ranks start the collectives of two communicators in the other order.
    @Test func duplicatesDoNotInterfere() throws {
      let (one, two) = (try Ranks.duplicate(checked: false), try Ranks.duplicate(checked: false))
      let size = one.size
      var (sum, maximum) = ([Int32](repeating: 1, count: 1000), [Int32](repeating: Int32(one.rank), count: 1000))
      try sum.withUnsafeMutableBufferPointer { sum in
        try maximum.withUnsafeMutableBufferPointer { maximum in
          if one.rank % 2 == 0 {
            let requests = [try one.startAllReduce(sum), try two.startAllReduce(maximum, .maximum)]
            for request in requests { try request.wait() }
          } else {
            let requests = [try two.startAllReduce(maximum, .maximum), try one.startAllReduce(sum)]
            for request in requests { try request.wait() }
          }
        }
      }
      #expect(sum == [Int32](repeating: Int32(size), count: 1000))
      #expect(maximum == [Int32](repeating: Int32(size - 1), count: 1000))
    }

    @Test func splitOrdersByKey() throws {
      let world = try Ranks.world
      // Even and odd ranks apart, each in descending order.
      let part = try world.split(color: world.rank % 2, key: -world.rank)
      let wanted = (0..<world.size).filter { $0 % 2 == world.rank % 2 }.reversed().map { [Int32($0)] }
      #expect(part.size == wanted.count)
      #expect(part.members == wanted.map { Int($0[0]) })
      #expect(try part.allGather([Int32(world.rank)]) == wanted)
      // Parts of parts have numbers of their own on the watchdog's board.
      let single = try part.split(color: part.rank, key: 0)
      #expect(single.size == 1)
      #expect(
        Set([world.identifier, part.identifier, single.identifier]).count == (world === Communicator.alone ? 1 : 3))
    }

    @Test(arguments: [1, 100, 70_000], [Int?.none, 3])
    func messagesGoRoundTheRing(_ count: Int, _ pieceLength: Int?) throws {
      let communicator = try Ranks.duplicate()
      guard communicator.size > 1 else { return }
      communicator.pieceLength = pieceLength.map { $0 * count / 10 + 1 } ?? communicator.pieceLength
      let (rank, size) = (communicator.rank, communicator.size)
      let (next, previous) = ((rank + 1) % size, (rank + size - 1) % size)
      let values = (0..<count).map { Int32($0 ^ rank) }
      // Rank 0 sends first, the others receive first: so large messages, which wait for their receiver, can't lock up.
      if rank == 0 { try communicator.send(values, to: next, tag: 7) }
      let received = try communicator.receive(Int32.self, from: previous, tag: 7)
      if rank != 0 { try communicator.send(values, to: next, tag: 7) }
      #expect(received == (0..<count).map { Int32($0 ^ previous) })
    }

    @Test func messagesOfAnotherTypeOrCountAreRefused() throws {
      let communicator = try Ranks.duplicate()
      guard communicator.size > 1 else { return }
      if communicator.rank == 0 {
        try communicator.send([Float](), to: 1, tag: 1)
        try communicator.send([Float](), to: 1, tag: 2)
      } else if communicator.rank == 1 {
        let wrongType = #expect(throws: MessagePassingError.self) {
          try communicator.receive(Int64.self, from: 0, tag: 1)
        }
        #expect(wrongType?.description == "receive from rank 0 on rank 1: expected int64, found float32")
        var buffer: [Float] = [1, 2]
        let wrongCount = #expect(throws: MessagePassingError.self) {
          try buffer.withUnsafeMutableBufferPointer { try communicator.receive(into: $0, from: 0, tag: 2) }
        }
        #expect(wrongCount?.description == "receive from rank 0 on rank 1: expected 2 elements, found 0")
      }
    }

    @Test(arguments: [CommunicatorKind.alone, .duplicate])
    func wrongArgumentsAreRefused(_ kind: CommunicatorKind) throws {
      let communicator = try kind.make()
      let before = communicator.collectiveCount
      let root = #expect(throws: MessagePassingError.self) {
        try communicator.broadcast([Float](), from: communicator.size)
      }
      let (rank, size) = (communicator.rank, communicator.size)
      #expect(root?.description == "broadcast on rank \(rank): root \(size): expected a rank of 0 ..< \(size)")
      #expect(root?.reason == .invalidArgument)
      #expect(throws: MessagePassingError.self) { try communicator.gather([Float](), to: -1) }
      #expect(throws: MessagePassingError.self) { try communicator.split(color: -1, key: 0) }
      #expect(throws: MessagePassingError.self) { try communicator.split(color: 0, key: 1 << 40) }
      #expect(throws: MessagePassingError.self) { try communicator.send([Float](), to: communicator.rank) }
      #expect(throws: MessagePassingError.self) { try communicator.receive(Float.self, from: communicator.size) }
      #expect(throws: MessagePassingError.self) { try communicator.send([Float](), to: 0, tag: 1 << 20) }
      #expect(communicator.collectiveCount == before || kind == .alone)
    }

    @Test func errorsOfMPIBecomeErrors() throws {
      let isStarted = try Ranks.world.handle != nil
      let error = #expect(throws: MessagePassingError.self) { try check(2, "allreduce #3", rank: 1) }
      #expect(error?.reason == .mpi(errorClass: 2))
      let text = isStarted ? "MPI_ERR_COUNT: invalid count argument" : "MPI error 2"
      #expect(error?.description == "allreduce #3 on rank 1: \(text)")
      #expect(throws: Never.self) { try check(0, "allreduce #4", rank: 1) }
    }
  }
}
