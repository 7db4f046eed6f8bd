import Testing

@testable import MessagePassing
@testable import TestSupport

/// Sums of floats by each algorithm, as ranks of one host and of several take them, on the ranks that there are.
@Suite(.serialized) struct FloatSumsRanksTests {
  /// A channel of its own; nil without MPI.
  private static func channel() throws -> (Communicator, FloatSums)? {
    let communicator = try Ranks.world.duplicate()
    guard let sums = communicator.transport.sums, communicator.size > 1 else { return nil }
    return (communicator, sums)
  }

  private static let algorithms: [SumAlgorithm] = [.sharedMemory, .doubling, .halving, .ring]

  /// Halving is one of powers of two.
  private static func isPossible(_ algorithm: SumAlgorithm, _ size: Int) -> Bool {
    algorithm != .halving || size & (size - 1) == 0
  }

  /// Whole numbers, whose sums are exact: of any count, several at once, waited for in any order.
  @Test(arguments: algorithms) func sumsOfAnySize(_ algorithm: SumAlgorithm) throws {
    guard let (channel, sums) = try Self.channel(), Self.isPossible(algorithm, channel.size) else { return }
    var draw = SeededNumbers(5)
    let special = [1, 2, 3, 4096, 4097, 65_536, 65_537 * channel.size]
    let counts = special + (0..<20).map { _ in draw.int(1...60_000) }
    let memories = counts.map { count in
      let memory = UnsafeMutableBufferPointer<Float>.allocate(capacity: count + 2)
      for index in 0..<count { memory[index + 1] = Float(index % 1000 * (channel.rank + 1)) }
      (memory[0], memory[count + 1]) = (-1, -2)
      return memory
    }
    defer { for memory in memories { memory.deallocate() } }
    let pending = try memories.map {
      try #require(try sums.start(UnsafeMutableBufferPointer(rebasing: $0[1..<$0.count - 1]), algorithm))
    }
    for index in pending.indices.shuffled(using: &draw) { try pending[index].wait() }
    let factor = channel.size * (channel.size + 1) / 2
    for (memory, count) in zip(memories, counts) {
      let wrong = (0..<count).first { memory[$0 + 1] != Float($0 % 1000 * factor) }
      #expect(wrong == nil, "of \(count)")
      #expect(memory[0] == -1 && memory[count + 1] == -2)
    }
  }

  /// The same bits on every rank and in every run; other collectives in between do no harm. All but the ring add in one order.
  @Test func sumsAreTheSameEverywhere() throws {
    guard let (channel, sums) = try Self.channel() else { return }
    var runs: [SumAlgorithm: [UInt32]] = [:]
    for algorithm in Self.algorithms + Self.algorithms where Self.isPossible(algorithm, channel.size) {
      var draw = SeededNumbers(UInt64(channel.rank))
      var values = (0..<50_001).map { _ in Float(draw.int(0...1_000_000)) / 977 }
      try values.withUnsafeMutableBufferPointer { buffer in
        let pending = try sums.start(buffer, algorithm)
        #expect(try channel.allGather([channel.rank].map(Int64.init)).count == channel.size)
        while try pending?.test() == false {}
        try pending?.wait()
      }
      let bits = values.map(\.bitPattern)
      let first = try channel.broadcast(bits.map { Int32(bitPattern: $0) }, from: 0)
      #expect(first == bits.map { Int32(bitPattern: $0) }, "by \(algorithm)")
      #expect(runs[algorithm] ?? bits == bits)
      runs[algorithm] = bits
    }
    if Self.isPossible(.halving, channel.size) {
      #expect(runs[.doubling] == runs[.sharedMemory] && runs[.halving] == runs[.sharedMemory])
    }
  }

  /// As a communicator takes them: blocking or not, by the plan of one host or of several.
  @Test(arguments: [true, false]) func sumsAsPlanned(isOneHost: Bool) throws {
    guard let (channel, sums) = try Self.channel() else { return }
    sums.plan = SumPlan(size: channel.size, isOneHost: isOneHost)
    for count in [10, 1024, 5000, 30_000] {
      let values = (0..<count).map { Float($0) * 0.37 + Float(channel.rank) }
      var (started, inTree) = (values, values)
      try started.withUnsafeMutableBufferPointer { try channel.startAllReduce($0).wait() }
      #expect(try channel.allReduce(values) == started)
      let hasTree = try inTree.withUnsafeMutableBufferPointer { buffer in
        let request = try channel.startTreeSum(buffer)
        try request?.wait()
        return request != nil
      }
      #expect(hasTree == Self.isPossible(.halving, channel.size))
      if hasTree { #expect(zip(inTree, started).allSatisfy { abs($0 - $1) <= abs($1) * 1e-6 }) }
    }
    #expect(try channel.measureSum(elements: 5000, by: .library) > 0)
  }
}
