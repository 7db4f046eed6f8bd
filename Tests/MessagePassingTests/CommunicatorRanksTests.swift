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

    @Test(arguments: [JobKind.alone, .world, .oneThread, .threeThreads, .fourThreads, .duplicateOfThreads])
    func splitOrdersByKey(_ job: JobKind) throws {
      try job.run { all in
        // Even and odd ranks apart, each in descending order.
        let part = try all.split(color: all.rank % 2, key: -all.rank)
        let wanted = (0..<all.size).filter { $0 % 2 == all.rank % 2 }.reversed().map { [Int32($0)] }
        #expect(part.size == wanted.count)
        #expect(part.members == wanted.map { Int($0[0]) })
        #expect(try part.allGather([Int32(all.rank)]) == wanted)
        let single = try part.split(color: part.rank, key: 0)
        #expect(single.size == 1 && single.members == [all.rank])
        #expect(try single.allReduce([Float(all.rank)]) == [Float(all.rank)])
        // Parts of parts have numbers of their own on the watchdog's board.
        if job == .world, all.board != nil {
          #expect(Set([all.identifier, part.identifier, single.identifier]).count == 3)
        }
      }
    }

    /// Collectives of a duplicate don't meet those of what it was made of.
    @Test(arguments: [JobKind.world, .twoThreads, .fourThreads, .halfOfThreads])
    func duplicatesAreChannelsOfTheirOwn(_ job: JobKind) throws {
      try job.run { one in
        let two = try one.duplicate()
        let (rank, size) = (Int64(one.rank), Int64(one.size))
        #expect(try two.allReduce([rank]) == [size * (size - 1) / 2])
        #expect(try one.allReduce([rank], .maximum) == [size - 1])
        guard size > 1, rank < 2 else { return }
        // A message of one is not taken for one of the other.
        if rank == 0 {
          try one.send([Float(1)], to: 1)
          try two.send([Float(2)], to: 1)
        } else {
          #expect(try two.receive(Float.self, from: 0) == [2])
          #expect(try one.receive(Float.self, from: 0) == [1])
        }
      }
    }

    @Test(
      arguments: [JobKind.duplicate, .twoThreads, .threeThreads, .checkedThreads, .halfOfThreads], [1, 100, 70_000])
    func messagesGoRoundTheRing(_ job: JobKind, _ count: Int) throws {
      for pieceLength in [Int?.none, 3 * count / 10 + 1] {
        try job.run { communicator in
          guard communicator.size > 1 else { return }
          if let pieceLength { communicator.pieceLength = pieceLength }
          let (rank, size) = (communicator.rank, communicator.size)
          let (next, previous) = ((rank + 1) % size, (rank + size - 1) % size)
          let values = (0..<count).map { Int32($0 ^ rank) }
          // Rank 0 sends first, the others receive first: so large messages, which wait for their receiver, can't lock up.
          if rank == 0 { try communicator.send(values, to: next, tag: 7) }
          let received = try communicator.receive(Int32.self, from: previous, tag: 7)
          if rank != 0 { try communicator.send(values, to: next, tag: 7) }
          #expect(received == (0..<count).map { Int32($0 ^ previous) })
        }
      }
    }

    @Test(arguments: [JobKind.duplicate, .twoThreads, .fourThreads, .halfOfThreads], [0, 1, 1000])
    func neighboursExchange(_ job: JobKind, _ count: Int) throws {
      try job.run { communicator in
        let peer = communicator.rank ^ 1
        guard peer < communicator.size else { return }
        let own = (0..<count).map { Double($0 * 10 + communicator.rank) }
        var other = [Double](repeating: -1, count: count)
        try own.withUnsafeBufferPointer { own in
          try other.withUnsafeMutableBufferPointer { try communicator.exchange(own, into: $0, with: peer) }
        }
        #expect(other == (0..<count).map { Double($0 * 10 + peer) })
      }
    }

    @Test(arguments: [JobKind.duplicate, .twoThreads, .threeThreads])
    func messagesOfAnotherTypeOrCountAreRefused(_ job: JobKind) throws {
      try job.run { communicator in
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
    }

    @Test(arguments: [JobKind.alone, .duplicate, .twoThreads, .threeThreads])
    func wrongArgumentsAreRefused(_ job: JobKind) throws {
      try job.run { communicator in
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
        // The one that all of the tests' alone ranks share is used elsewhere at the same time.
        #expect(communicator.collectiveCount == before || job == .alone)
      }
    }

    /// Values of every kind arrive as they were.
    @Test(arguments: [JobKind.alone, .duplicate, .threeThreads]) func allAreTold(_ job: JobKind) throws {
      try job.run { communicator in
        let words = ["", "ä ö", String(repeating: "x", count: communicator.rank * 100)]
        #expect(try communicator.tellAll(words).map(\.count) == [Int](repeating: 3, count: communicator.size))
        #expect(try communicator.tellAll(words)[communicator.rank] == words)
        let numbers: [Double] = [-0.0, .infinity, .nan, Double.leastNonzeroMagnitude, Double(communicator.rank)]
        let told = try communicator.tellAll(numbers)
        #expect(told.map { $0.map(\.bitPattern).dropLast() } == told.map { _ in numbers.map(\.bitPattern).dropLast() })
        #expect(told.map { $0[4] } == (0..<communicator.size).map(Double.init))
        let place = communicator.rank == 0 ? nil : [Int?](arrayLiteral: .min, nil, communicator.rank)
        #expect(try communicator.tellAll(place)[communicator.rank] == place)
      }
    }

    /// Bytes of another program are an error, whatever they say.
    @Test func truncatedPacketsAreRefused() throws {
      var whole = Packet()
      whole.pack(["one", "two"])
      whole.pack(Double.pi)
      for count in 0..<whole.bytes.count {
        var packet = Packet(Array(whole.bytes.prefix(count)))
        #expect(throws: MessagePassingError.self) {
          let words: [String] = try packet.unpack()
          let number: Double = try packet.unpack()
          Issue.record("\(words) \(number) of \(count) bytes")
        }
      }
      for first in [UInt64.max, 1 << 62, 1 << 40] {
        var packet = Packet()
        packet.pack(first)
        #expect(throws: MessagePassingError.self) { _ = try packet.unpack(String.self) }
        var numbers = Packet(packet.bytes)
        #expect((try? numbers.unpack([Double].self))?.isEmpty ?? true)
      }
    }

    /// MPI still writes to a buffer whose owner has thrown meanwhile: the memory stays.
    @Test func memoryOfAnAbandonedRequestStays() throws {
      final class Owner { let memory = UnsafeMutableBufferPointer<Float>.allocate(capacity: 4) }
      let communicator = try Communicator(EndlessTransport(), jobRank: 0)
      weak var abandoned: Owner?
      weak var awaited: Owner?
      do {
        let (first, second) = (Owner(), Owner())
        (abandoned, awaited) = (first, second)
        second.memory.initialize(repeating: 0)
        first.memory.initialize(repeating: 0)
        _ = try communicator.startAllReduce(first.memory, owner: first)
        try Communicator.alone.startAllReduce(second.memory, owner: second).wait()
        second.memory.deallocate()
      }
      #expect(abandoned != nil)
      #expect(awaited == nil)
    }

    @Test func errorsOfMPIBecomeErrors() throws {
      let isStarted = try Ranks.world.transport is MPITransport
      let error = #expect(throws: MessagePassingError.self) { try naming("allreduce #3", rank: 1) { try check(2) } }
      #expect(error?.reason == .mpi(errorClass: 2))
      let text = isStarted ? "MPI_ERR_COUNT: invalid count argument" : "MPI error 2"
      #expect(error?.description == "allreduce #3 on rank 1: \(text)")
      #expect(throws: Never.self) { try check(0) }
    }
  }
}
