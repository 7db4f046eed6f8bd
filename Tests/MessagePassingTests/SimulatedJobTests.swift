import DataParallel
import Synchronization
import Testing

@testable import MessagePassing
@testable import TestSupport

/// Ranks that are threads of one process.
@Suite(.timeLimit(.minutes(10))) struct SimulatedJobTests {
  private struct Broken: Error, Equatable { let rank: Int }

  @Test(arguments: 1...5) func everyRankRuns(_ ranks: Int) throws {
    #expect(try simulated(ranks) { [$0.rank, $0.size] } == (0..<ranks).map { [$0, ranks] })
  }

  @Test(arguments: 1...5) func collectives(_ ranks: Int) throws {
    let sums = try simulated(ranks) { try $0.allReduce([Float($0.rank), 1]) }
    #expect(sums == Array(repeating: [Float(ranks * (ranks - 1) / 2), Float(ranks)], count: ranks))
    let largest = try simulated(ranks) { try $0.allReduce([Int64($0.rank)], .maximum) }
    #expect(largest == Array(repeating: [Int64(ranks - 1)], count: ranks))
    for root in 0..<ranks {
      #expect(
        try simulated(ranks) { try $0.broadcast([$0.rank * 7].map(Int64.init), from: root) }
          == Array(repeating: [Int64(root * 7)], count: ranks))
    }
    // Ranks may give different numbers of elements.
    let gathered = try simulated(ranks) { try $0.allGather([UInt8](repeating: UInt8($0.rank), count: $0.rank)) }
    #expect(gathered == Array(repeating: (0..<ranks).map { [UInt8](repeating: UInt8($0), count: $0) }, count: ranks))
  }

  /// A collective is over for a rank as soon as it has its result; the next must not mix with it.
  @Test func collectivesKeepTheirOrder() throws {
    let sums = try simulated(4) { communicator in
      try (0..<200).map { try communicator.allReduce([Int64($0 * (communicator.rank + 1))])[0] }
    }
    #expect(sums == Array(repeating: (0..<200).map { Int64($0 * 10) }, count: 4))
  }

  @Test func messagesKeepTheirOrder() throws {
    let received = try simulated(3) { communicator -> [Int64] in
      let (next, before) = ((communicator.rank + 1) % 3, (communicator.rank + 2) % 3)
      for value in 0..<50 { try communicator.send([Int64(value + 100 * communicator.rank)], to: next, tag: value % 2) }
      return try (0..<50).flatMap { try communicator.receive(Int64.self, from: before, tag: $0 % 2) }
    }
    #expect(received == [2, 0, 1].map { from in (0..<50).map { Int64($0 + 100 * from) } })
  }

  @Test func exchangesBothWays() throws {
    let received = try simulated(2) { communicator -> [Float] in
      let own: [Float] = [Float(communicator.rank), 5]
      var other: [Float] = [0, 0]
      try own.withUnsafeBufferPointer { own in
        try other.withUnsafeMutableBufferPointer {
          try communicator.exchange(own, into: $0, with: 1 - communicator.rank)
        }
      }
      return other
    }
    #expect(received == [[1, 5], [0, 5]])
  }

  @Test func anotherCountIsRefused() {
    #expect(throws: MessagePassingError.self) {
      try SimulatedJob.run(ranks: 3) { _ = try $0.allReduce([Float](repeating: 1, count: $0.rank == 1 ? 8 : 4)) }
    }
    #expect(throws: MessagePassingError.self) {
      try SimulatedJob.run(ranks: 2) { communicator in
        if communicator.isRoot { return try communicator.send([Float(1), 2], to: 1) }
        var values: [Float] = [0]
        try values.withUnsafeMutableBufferPointer { try communicator.receive(into: $0, from: 0) }
      }
    }
  }

  /// The others wait in a collective, a receive or an exchange, and end all the same; the error is the failed rank's.
  @Test(arguments: 0..<4) func anErrorOnOneRankEndsAll(_ failing: Int) {
    let ended = Mutex<Set<Int>>([])
    #expect(throws: Broken(rank: failing)) {
      try SimulatedJob.run(ranks: 4) { communicator in
        defer { ended.withLock { _ = $0.insert(communicator.rank) } }
        try communicator.barrier()
        if communicator.rank == failing { throw Broken(rank: failing) }
        if communicator.rank % 2 == 0 { _ = try communicator.receive(Float.self, from: failing) }
        try communicator.barrier()
      }
    }
    #expect(ended.withLock { $0 } == [0, 1, 2, 3])
  }

  /// Waiting for a rank that is no more would be for ever.
  @Test func aRankThatEndsEarlyIsNamed() {
    for isReceiving in [false, true] {
      let error = #expect(throws: MessagePassingError.self) {
        try SimulatedJob.run(ranks: 3) { communicator in
          try communicator.barrier()
          if communicator.rank == 2 { return }
          if isReceiving { _ = try communicator.receive(Float.self, from: 2) } else { try communicator.barrier() }
        }
      }
      #expect(error?.description.contains("rank 2 has ended") == true, "\(String(describing: error))")
    }
  }

  /// Checked mode names who calls what, as between processes.
  @Test func anotherCollectiveIsNamed() {
    let error = #expect(throws: MessagePassingError.self) {
      try SimulatedJob.run(ranks: 3) {
        $0.isChecked = true
        if $0.rank == 2 { try $0.barrier() } else { _ = try $0.allGather([Int64(1)]) }
      }
    }
    #expect(error?.text == "ranks disagree: ranks 0, 1 call allgather of int64 #1; rank 2 calls barrier #1")
  }
}
