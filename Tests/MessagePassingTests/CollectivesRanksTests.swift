import Testing

@testable import MessagePassing
@testable import TestSupport

/// Every transport gives the same answers: MPI on one process under `swift test` and on 1, 2, 3 and 4 under
/// `launch/test-ranks`, threads, and a rank alone. Serialized, nested suites included: collectives must be called in the same
/// order on all ranks.
@Suite(.serialized) struct CollectivesRanksTests {
  @Suite struct Values {
    @Test func sizesAgreeWithTheLauncher() throws {
      let world = try Ranks.world
      #expect((0..<world.size).contains(world.rank))
      #expect(world.isRoot == (world.rank == 0))
      #expect(Environment.isLaunchedByMPI == (world !== Communicator.alone))
      #expect(try Environment.start() === world)
      #expect(try world.allGather([Int32(world.rank)]) == (0..<Int32(world.size)).map { [$0] })
    }

    @Test(arguments: JobKind.allCases)
    func allReduceOfEachTypeAndOperation(_ job: JobKind) throws {
      try job.run { communicator in
        try Self.expectReductions(of: Float.self, on: communicator)
        try Self.expectReductions(of: Double.self, on: communicator)
        try Self.expectReductions(of: Int32.self, on: communicator)
        try Self.expectReductions(of: Int64.self, on: communicator)
        try Self.expectReductions(of: UInt8.self, on: communicator)
        try Self.expectReductions(of: UInt64.self, on: communicator)
      }
    }

    private static func expectReductions<T: MessageElement & Numeric>(
      of type: T.Type, on communicator: Communicator
    ) throws {
      // Element i of rank r is (i + 1)(r + 1) ≤ 40: exact in every type.
      let indices = Array(1...10)
      let values = indices.map { $0 * (communicator.rank + 1) }.converted(to: type)
      let size = communicator.size
      let rankSum = size * (size + 1) / 2
      #expect(try communicator.allReduce(values) == indices.map { $0 * rankSum }.converted(to: type))
      #expect(try communicator.allReduce(values, .minimum) == indices.converted(to: type))
      #expect(try communicator.allReduce(values, .maximum) == indices.map { $0 * size }.converted(to: type))
    }

    @Test(arguments: JobKind.allCases)
    func allReduceInTheBackground(_ job: JobKind) throws {
      try job.run { communicator in
        let size = communicator.size
        var first = (0..<10).map { Float($0 + communicator.rank) }
        var second = [Int64](repeating: Int64(communicator.rank), count: 7)
        try first.withUnsafeMutableBufferPointer { first in
          try second.withUnsafeMutableBufferPointer { second in
            let requests = [try communicator.startAllReduce(first), try communicator.startAllReduce(second, .maximum)]
            while try !requests[1].test() {}
            try requests[0].wait()
            try requests[0].wait()
            #expect(try requests[0].test())
          }
        }
        let rankSum = size * (size - 1) / 2
        #expect(first == (0..<10).map { Float($0 * size + rankSum) })
        #expect(second == [Int64](repeating: Int64(size - 1), count: 7))
      }
    }

    @Test(arguments: JobKind.allCases)
    func broadcastFromEachRoot(_ job: JobKind) throws {
      try job.run { communicator in
        for root in 0..<communicator.size {
          let wanted = (0..<10).map { Double($0 * 100 + root) }
          var buffer = communicator.rank == root ? wanted : [Double](repeating: -1, count: 10)
          try buffer.withUnsafeMutableBufferPointer { try communicator.broadcast($0, from: root) }
          #expect(buffer == wanted)
          // The others' lengths don't matter.
          let own = communicator.rank == root ? wanted : [Double](repeating: -1, count: communicator.rank)
          #expect(try communicator.broadcast(own, from: root) == wanted)
        }
      }
    }

    @Test(arguments: JobKind.allCases)
    func gathersRaggedArrays(_ job: JobKind) throws {
      try job.run { communicator in
        // Rank r has 5r values: none on rank 0.
        let all = (0..<communicator.size).map { rank in (0..<(5 * rank)).map { Int64(100 * rank + $0) } }
        #expect(try communicator.allGather(all[communicator.rank]) == all)
        for root in 0..<communicator.size {
          let gathered = try communicator.gather(all[communicator.rank], to: root)
          #expect(gathered == (communicator.rank == root ? all : nil))
        }
        #expect(
          try communicator.allGather([UInt8]("rank \(communicator.rank)".utf8)).last
            == Array("rank \(communicator.size - 1)".utf8))
      }
    }

    @Test(arguments: JobKind.allCases)
    func emptyBuffersAreFine(_ job: JobKind) throws {
      try job.run { communicator in
        let nothing = UnsafeMutableBufferPointer<Float>(start: nil, count: 0)
        try communicator.barrier()
        try communicator.allReduce(nothing)
        try communicator.startAllReduce(nothing).wait()
        try communicator.broadcast(nothing, from: 0)
        #expect(try communicator.allReduce([Int32]()) == [])
        #expect(try communicator.broadcast([Int32](), from: 0) == [])
        #expect(try communicator.allGather([Int32]()) == [[Int32]](repeating: [], count: communicator.size))
        #expect(try communicator.gather([Int32](), to: 0)?.count == (communicator.isRoot ? communicator.size : nil))
      }
    }

    @Test func largeBuffersArriveWhole() throws {
      let world = try Ranks.world
      let values = (0..<300_001).map { Float($0 % 1000) }
      let sum = try world.allReduce(values)
      #expect(zip(sum, values).allSatisfy { $0 == $1 * Float(world.size) })
      let gathered = try world.allGather(Array(values.prefix(100_000 + world.rank)))
      #expect(
        gathered.enumerated().allSatisfy { $1.count == 100_000 + $0 && $1.last == Float(($0 + 99_999) % 1000) })
    }
  }
}
