import Testing

@testable import MessagePassing
@testable import TestSupport

/// Collectives in which each rank has a part of its own, on every transport.
@Suite(.serialized) struct PartsRanksTests {
  /// What rank `from` has for rank `to`: of a length of their own, also none.
  private static func part<T: MessageElement & Numeric>(_ from: Int, _ to: Int, round: Int, _ type: T.Type) -> [T] {
    (0..<(from * 2 + to * 3 + round) % 7).map { ($0 + 10 * from + 40 * to + round) % 100 }.converted(to: type)
  }

  private static func expectAllToAll<T: MessageElement & Numeric>(_ type: T.Type, on communicator: Communicator) throws
  {
    let (rank, ranks) = (communicator.rank, 0..<communicator.size)
    // Several at once, waited for in another order than they were started in.
    let rounds = try (0..<4).map { round in
      let sent = ranks.map { part(rank, $0, round: round, type) }
      let wanted = ranks.map { part($0, rank, round: round, type) }
      let memory = PartMemory<T>(sent.flatMap { $0 }, wanted.map(\.count).reduce(0, +))
      let request = try communicator.startAllToAll(
        UnsafeBufferPointer(memory.sent), counts: sent.map(\.count), into: memory.received,
        counts: wanted.map(\.count), owner: memory)
      return (request, memory, wanted.flatMap { $0 })
    }
    for (request, memory, wanted) in [rounds[2], rounds[0], rounds[3], rounds[1]] {
      try request.wait()
      #expect(Array(memory.received) == wanted)
    }
  }

  @Test(arguments: JobKind.allCases) func eachRankGetsItsPartOfAll(_ job: JobKind) throws {
    try job.run { communicator in
      try Self.expectAllToAll(UInt8.self, on: communicator)
      try Self.expectAllToAll(Float.self, on: communicator)
      try Self.expectAllToAll(Int64.self, on: communicator)
    }
  }

  @Test(arguments: JobKind.allCases) func partsComeTogether(_ job: JobKind) throws {
    try job.run { communicator in
      for round in 0..<4 {
        let parts = (0..<communicator.size).map { Self.part($0, 1, round: round, Double.self) }
        let counts = parts.map(\.count)
        let start = counts[..<communicator.rank].reduce(0, +)
        let all = PartMemory<Double>([], counts.reduce(0, +))
        all.received.update(repeating: -1)
        _ = UnsafeMutableBufferPointer(rebasing: all.received[start..<start + counts[communicator.rank]])
          .update(from: parts[communicator.rank])
        let request = try communicator.startAllGather(all.received, counts: counts, owner: all)
        while try !request.test() {}
        #expect(Array(all.received) == parts.flatMap { $0 })
      }
    }
  }

  /// A large part travels while others of the same ranks do.
  @Test(arguments: [JobKind.duplicate, .threeThreads]) func largePartsArriveWhole(_ job: JobKind) throws {
    try job.run { communicator in
      let (rank, size, count) = (communicator.rank, communicator.size, 60_000)
      let memory = PartMemory<Int32>((0..<size * count).map { Int32($0 ^ rank) }, size * count)
      let counts = [Int](repeating: count, count: size)
      let request = try communicator.startAllToAll(
        UnsafeBufferPointer(memory.sent), counts: counts, into: memory.received, counts: counts, owner: memory)
      #expect(try communicator.allReduce([Int64(1)]) == [Int64(size)])
      try request.wait()
      for peer in 0..<size {
        let found = memory.received[peer * count..<(peer + 1) * count]
        #expect(zip(found, 0...).allSatisfy { $0 == Int32((rank * count + $1) ^ peer) })
      }
    }
  }

  @Test func partsThatDoNotFitAreRefused() throws {
    let world = try Ranks.duplicate(checked: false)
    let memory = PartMemory<Float>([1, 2], 2)
    func refusal(_ counts: [Int]) -> String? {
      message { _ = try world.startAllGather(memory.received, counts: counts, owner: memory) }
    }
    let short = [Int](repeating: 0, count: world.size - 1)
    #expect(refusal([3] + short)?.contains("for 2 elements") == true)
    #expect(refusal([-1] + short)?.contains("parts of [-1") == true)
    #expect(refusal([2] + short + [0])?.contains("parts of") == true)
  }
}

/// What travels, at addresses that stay.
private final class PartMemory<T: MessageElement> {
  let sent, received: UnsafeMutableBufferPointer<T>

  init(_ values: [T], _ receivedCount: Int) {
    (sent, received) = (.allocate(capacity: values.count), .allocate(capacity: receivedCount))
    _ = sent.initialize(from: values)
    received.withMemoryRebound(to: UInt8.self) { $0.update(repeating: 0) }
  }

  deinit {
    sent.deallocate()
    received.deallocate()
  }
}
