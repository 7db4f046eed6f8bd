import Lockstep
import Testing

@testable import TestSupport

/// Who computes which sample: nothing divides anything, and nothing is lost or done twice.
@Suite struct ShardingTests {
  private struct Case { let (count, ranks, sliceSize): (Int, Int, Int) }

  private func cases(_ howMany: Int) -> [Case] {
    var numbers = SeededNumbers(11)
    return (0..<howMany).map { _ in
      Case(
        count: Int.random(in: 0...(Bool.random(using: &numbers) ? 20 : 600), using: &numbers),
        ranks: Int.random(in: 1...17, using: &numbers), sliceSize: Int.random(in: 1...70, using: &numbers))
    }
  }

  @Test func ranksShareABatchWithoutGapsOrDoubles() {
    for test in cases(3000) {
      let shards = (0..<test.ranks).map { Sharding(rank: $0, rankCount: test.ranks).shard(of: test.count) }
      var next = 0
      for shard in shards {
        #expect(shard.lowerBound == next)
        next = shard.upperBound
      }
      #expect(next == test.count)
      let sizes = shards.map(\.count)
      #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1, "\(test)")
      #expect(sizes == sizes.sorted(by: >), "\(test)")
    }
  }

  @Test func slicesCoverTheShardEvenly() {
    for test in cases(3000) {
      for rank in [0, test.ranks / 2, test.ranks - 1] {
        let sharding = Sharding(rank: rank, rankCount: test.ranks, sliceSize: test.sliceSize)
        let slices = sharding.slices(of: test.count)
        #expect(slices.flatMap { $0 } == Array(sharding.shard(of: test.count)), "\(test)")
        let sizes = slices.map(\.count)
        #expect(sizes.allSatisfy { (1...test.sliceSize).contains($0) }, "\(test)")
        #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1, "\(test)")
      }
    }
  }

  /// As many slices as were asked for, or more; as far as there are samples, unless ranks need the same number.
  @Test func slicesAtLeast() {
    for test in cases(3000) {
      for keepsEmpty in [false, true] {
        let sharding = Sharding(
          rank: test.ranks / 2, rankCount: test.ranks, sliceSize: keepsEmpty ? .max : test.sliceSize, accumulation: 7,
          keepsEmpty: keepsEmpty)
        let (slices, shard) = (sharding.slices(of: test.count), sharding.shard(of: test.count))
        #expect(slices.flatMap { $0 } == Array(shard), "\(test)")
        #expect(keepsEmpty ? slices.count == 7 : slices.count >= min(7, shard.count), "\(test)")
        let sizes = slices.map(\.count)
        #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1, "\(test)")
        if !keepsEmpty { #expect(sizes.allSatisfy { (1...test.sliceSize).contains($0) }, "\(test)") }
      }
    }
  }

  @Test func fewerSamplesThanRanks() {
    let shardings = (0..<4).map { Sharding(rank: $0, rankCount: 4, sliceSize: 32) }
    #expect(shardings.map { $0.slices(of: 2) } == [[0..<1], [1..<2], [], []])
    #expect(shardings.map { $0.slices(of: 0) } == [[], [], [], []])
  }

  @Test func hugeNumbersDoNotOverflow() {
    let last = Sharding(rank: 6, rankCount: 7, sliceSize: .max)
    #expect(last.shard(of: .max).upperBound == .max)
    #expect(last.slices(of: .max).count == 1)
    #expect(Sharding(rank: 0, rankCount: 0, sliceSize: 0).slices(of: 3) == [0..<1, 1..<2, 2..<3])
  }
}
