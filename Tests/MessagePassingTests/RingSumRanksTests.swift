import Testing

@testable import MessagePassing
@testable import TestSupport

/// Sums round a ring, as ranks on several hosts take them, on the ranks that there are.
@Suite(.serialized) struct RingSumRanksTests {
  /// A channel of its own whose sums go round the ring; nil without MPI.
  private static func ring() throws -> Communicator? {
    let communicator = try Ranks.world.duplicate()
    guard let transport = communicator.transport as? MPITransport else { return nil }
    transport.sumsInBackground = true
    return communicator
  }

  /// Whole numbers, whose sums are exact: of any count, several at once, waited for in any order.
  @Test func sumsOfAnySize() throws {
    guard let ring = try Self.ring() else { return }
    var draw = SeededNumbers(5)
    let counts = [4096, 4097, 65_536, 65_537 * ring.size, 1_000_003] + (0..<60).map { _ in draw.int(4096...100_000) }
    let sums = counts.map { count in
      let memory = UnsafeMutableBufferPointer<Float>.allocate(capacity: count + 2)
      for index in 0..<count { memory[index + 1] = Float(index % 1000 * (ring.rank + 1)) }
      (memory[0], memory[count + 1]) = (-1, -2)
      return memory
    }
    defer { for sum in sums { sum.deallocate() } }
    let requests = try sums.map { try ring.startAllReduce(UnsafeMutableBufferPointer(rebasing: $0[1..<$0.count - 1])) }
    for index in requests.indices.shuffled(using: &draw) { try requests[index].wait() }
    let factor = ring.size * (ring.size + 1) / 2
    for (sum, count) in zip(sums, counts) {
      #expect((0..<count).allSatisfy { sum[$0 + 1] == Float($0 % 1000 * factor) }, "of \(count)")
      #expect(sum[0] == -1 && sum[count + 1] == -2)
    }
  }

  /// The same bits on every rank and in every run; other collectives in between do no harm.
  @Test func sumsAreTheSameEverywhere() throws {
    guard let ring = try Self.ring() else { return }
    var runs: [[UInt32]] = []
    for _ in 0..<3 {
      var draw = SeededNumbers(UInt64(ring.rank))
      var values = (0..<150_001).map { _ in Float(draw.int(0...1_000_000)) / 977 }
      try values.withUnsafeMutableBufferPointer { buffer in
        let request = try ring.startAllReduce(buffer)
        #expect(try ring.allGather([ring.rank].map(Int64.init)).count == ring.size)
        while try !request.test() {}
        try request.wait()
      }
      let bits = values.map(\.bitPattern)
      #expect(try ring.broadcast(bits.map { Int32(bitPattern: $0) }, from: 0) == bits.map { Int32(bitPattern: $0) })
      runs.append(bits)
    }
    #expect(runs[1] == runs[0] && runs[2] == runs[0])
  }

  /// A sum that blocks goes the same way, and gives what one in the background gives.
  @Test func sumsThatBlock() throws {
    guard let ring = try Self.ring() else { return }
    let values = (0..<30_000).map { Float($0) * 0.37 + Float(ring.rank) }
    var other = values
    try other.withUnsafeMutableBufferPointer { try ring.startAllReduce($0).wait() }
    #expect(try ring.allReduce(values) == other)
  }
}
