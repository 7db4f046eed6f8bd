import Lockstep
import Testing

/// Who computes which sample: nothing divides anything, and nothing is lost or done twice.
@Suite struct ShardingTests {
  private struct Case { let (count, ranks, sliceSize): (Int, Int, Int) }

  private func cases(_ howMany: Int) -> [Case] {
    var numbers = SeededNumbers(state: 11)
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

/// In which order an epoch takes the samples.
@Suite struct SamplerTests {
  @Test(arguments: [0, 1, 2, 31, 32, 33, 1000])
  func eachSampleOnceAnEpoch(_ count: Int) {
    for batchSize in [1, 2, 32, 1000, 5000] {
      let sampler = Sampler(sampleCount: count, batchSize: batchSize, seed: 3)
      let batches = (0..<sampler.batchCount).map { sampler.batch($0) }
      #expect(batches.flatMap { $0 } == Array(0..<count))
      #expect(batches.dropLast().allSatisfy { $0.count == batchSize })
      #expect(batches.last.map { (1...batchSize).contains($0.count) } ?? (count == 0))
      for epoch in 0..<3 { #expect(sampler.order(epoch: epoch).sorted() == Array(0..<count)) }
    }
  }

  @Test func theLastBatchIsShort() {
    let sampler = Sampler(sampleCount: 603, batchSize: 100)
    #expect(sampler.batchCount == 7)
    #expect(sampler.batch(6) == 600..<603)
  }

  @Test func orderIsAFunctionOfSeedAndEpoch() {
    let orders = [(3, 0), (3, 1), (4, 0), (4, 1)].map { seed, epoch in
      Sampler(sampleCount: 500, batchSize: 10, seed: UInt64(seed)).order(epoch: epoch)
    }
    #expect(Set(orders).count == 4)
    // The batch size does not change it.
    #expect(Sampler(sampleCount: 500, batchSize: 77, seed: 4).order(epoch: 1) == orders[3])
    #expect(Sampler(sampleCount: 9, batchSize: 2, isShuffled: false).order(epoch: 5) == Array(0..<9))
  }

  /// Every position of the order takes every sample about equally often.
  @Test func theOrderIsEven() {
    var counts = [[Int]](repeating: [Int](repeating: 0, count: 5), count: 5)
    for seed in 0..<2000 {
      let order = Sampler(sampleCount: 5, batchSize: 1, seed: UInt64(seed)).order(epoch: 0)
      for (position, sample) in order.enumerated() { counts[position][sample] += 1 }
    }
    // 400 expected, with a standard deviation of 18.
    #expect(counts.joined().allSatisfy { abs($0 - 400) < 90 }, "\(counts)")
  }
}
