import Datasets
import Testing

@testable import TestSupport

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
      for epoch in 0..<3 { #expect(sampler.order(epoch: epoch).samples.sorted() == Array(0..<count)) }
    }
  }

  @Test func theLastBatchIsShort() {
    let sampler = Sampler(sampleCount: 603, batchSize: 100)
    #expect(sampler.batchCount == 7)
    #expect(sampler.batch(6) == 600..<603)
  }

  @Test func orderIsAFunctionOfSeedAndEpoch() {
    let orders = [(3, 0), (3, 1), (4, 0), (4, 1)].map { seed, epoch in
      Sampler(sampleCount: 500, batchSize: 10, seed: UInt64(seed)).order(epoch: epoch).samples
    }
    #expect(Set(orders).count == 4)
    // The batch size does not change it.
    #expect(Sampler(sampleCount: 500, batchSize: 77, seed: 4).order(epoch: 1).samples == orders[3])
    #expect(Sampler(sampleCount: 9, batchSize: 2, ordering: .inOrder).order(epoch: 5).samples == Array(0..<9))
  }

  /// Every position of the order takes every sample about equally often.
  @Test func theOrderIsEven() {
    var counts = [[Int]](repeating: [Int](repeating: 0, count: 5), count: 5)
    for seed in 0..<2000 {
      let order = Sampler(sampleCount: 5, batchSize: 1, seed: UInt64(seed)).order(epoch: 0).samples
      for (position, sample) in order.enumerated() { counts[position][sample] += 1 }
    }
    // 400 expected, with a standard deviation of 18.
    #expect(counts.joined().allSatisfy { abs($0 - 400) < 90 }, "\(counts)")
  }
}
