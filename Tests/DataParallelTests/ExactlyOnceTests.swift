import DataParallel
import Datasets
import Testing

@testable import TestSupport

/// Which samples the ranks take.
@Suite struct ExactlyOnceTests {
  private struct Case: CustomStringConvertible {
    let samples, batchSize, ranks, resumedRanks, stop, epoch: Int
    let sliceSize: Int
    let virtualShards: Int?

    init(_ draw: inout SeededNumbers) {
      samples = draw.int(0...40)
      batchSize = draw.int(1...48)
      ranks = draw.int(1...7)
      resumedRanks = draw.int(1...7)
      epoch = draw.int(0...3)
      sliceSize = draw.int(1...12)
      virtualShards = draw.int(0...3) == 0 ? nil : draw.int(1...10)
      stop = draw.int(0...Sampler(sampleCount: samples, batchSize: batchSize).batchCount)
    }

    var description: String {
      "\(samples) samples, batch \(batchSize), \(ranks) ranks, \(resumedRanks) after step \(stop), "
        + "slices of \(sliceSize), \(virtualShards.map(String.init) ?? "no") virtual shards"
    }

    func slices(of rank: Int, _ ranks: Int, _ count: Int) -> [Range<Int>] {
      Sharding(rank: rank, rankCount: ranks, sliceSize: sliceSize, virtualShards: virtualShards).slices(of: count)
    }
  }

  /// In 10,000 random trainings that stop within an epoch and go on with another number of ranks.
  @Test func eachSampleOncePerEpoch() {
    var draw = SeededNumbers(2)
    for _ in 0..<10_000 {
      let test = Case(&draw)
      let sampler = Sampler(sampleCount: test.samples, batchSize: test.batchSize, seed: 5)
      let order = sampler.order(epoch: test.epoch).samples
      var taken = [Int](repeating: 0, count: test.samples)
      for step in 0..<sampler.batchCount {
        let (batch, ranks) = (sampler.batch(step), step < test.stop ? test.ranks : test.resumedRanks)
        for rank in 0..<ranks {
          for slice in test.slices(of: rank, ranks, batch.count) {
            for position in slice { taken[order[batch.lowerBound + position]] += 1 }
          }
        }
      }
      #expect(taken.allSatisfy { $0 == 1 }, "\(test): \(taken)")
    }
  }

  /// The virtual shards are the same on any number of ranks, empty ones included, and in the same order.
  @Test func virtualShardsKnowNoRanks() {
    var draw = SeededNumbers(4)
    for _ in 0..<2_000 {
      let (shards, count, ranks) = (draw.int(1...20), draw.int(0...50), draw.int(1...25))
      let alone = Sharding(rank: 0, rankCount: 1, virtualShards: shards).slices(of: count)
      #expect(alone.count == shards)
      let sharding = Sharding(rank: 0, rankCount: ranks, sliceSize: draw.int(1...9), virtualShards: shards)
      #expect((0..<ranks).flatMap { sharding.of(rank: $0).slices(of: count) } == alone)
      let shares = (0..<ranks).flatMap { Array(sharding.of(rank: $0).shard(of: count)) }
      #expect(shares == Array(0..<count), "\(shards) shards of \(count) on \(ranks) ranks")
    }
  }
}
