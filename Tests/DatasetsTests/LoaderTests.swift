import Foundation
import Lockstep
import Synchronization
import Testing

@testable import TestSupport

/// Counts the batches that were made, and throws at one of its samples.
private final class WatchedDataset: Dataset {
  struct Broken: Error {}

  let count: Int
  let broken: Int?
  let made = Atomic<Int>(0)
  /// Whether this data set is still held by anyone, a loader's thread for one.
  init(_ count: Int, broken: Int? = nil) { (self.count, self.broken) = (count, broken) }

  func batch(_ samples: [Int]) throws -> Batch {
    made.add(1, ordering: .relaxed)
    if let broken, samples.contains(broken) { throw Broken() }
    return Batch(inputs: Tensor(samples.map { Float($0) }), targets: .empty, samples: samples)
  }
}

/// Batches that a thread makes ahead.
@Suite(.timeLimit(.minutes(10))) struct LoaderTests {
  private let sampler = Sampler(sampleCount: 103, batchSize: 10, seed: 5)
  private let whole: @Sendable (Int) -> [Range<Int>] = { [0..<$0] }

  private func read(_ loader: Loader) throws -> [[Int]] {
    var result: [[Int]] = []
    while let batch = try loader.next() { result.append(batch.slices.flatMap(\.samples)) }
    return result
  }

  private var expected: [[Int]] {
    let order = sampler.order(epoch: 2).samples
    return (0..<sampler.batchCount).map { Array(order[sampler.batch($0)]) }
  }

  @Test(arguments: [0, 1, 2, 5, 100])
  func depthChangesNothing(_ depth: Int) throws {
    let loader = Loader(WatchedDataset(103), sampler, epoch: 2, depth: depth, slices: whole)
    #expect(try read(loader) == expected)
    // Past the end it stays at the end.
    #expect(try loader.next() == nil)
  }

  @Test(arguments: [0, 1, 7, 10, 11, 40])
  func startsInTheMiddleOfAnEpoch(_ first: Int) throws {
    let loader = Loader(WatchedDataset(103), sampler, epoch: 2, from: first, slices: whole)
    #expect(try read(loader) == Array(expected.dropFirst(first)))
  }

  @Test func ranksReadTheirShares() throws {
    for ranks in 1...4 {
      let loaders = (0..<ranks).map { rank in
        let sharding = Sharding(rank: rank, rankCount: ranks, sliceSize: 2)
        return Loader(WatchedDataset(103), sampler, epoch: 2) { sharding.slices(of: $0) }
      }
      for (index, samples) in expected.enumerated() {
        let steps = try loaders.map { try #require(try $0.next()) }
        #expect(steps.allSatisfy { $0.index == index && $0.globalCount == samples.count })
        #expect(steps.flatMap { $0.slices.flatMap(\.samples) } == samples)
      }
    }
  }

  @Test func anErrorOfTheDataSetReachesTheReader() throws {
    let place = try #require(expected.firstIndex { $0.contains(50) })
    let loader = Loader(WatchedDataset(103, broken: 50), sampler, epoch: 2, slices: whole)
    for index in 0..<place { #expect(try loader.next()?.index == index) }
    #expect(throws: WatchedDataset.Broken.self) { try loader.next() }
    // After it there is nothing more, and nobody waits.
    #expect(try loader.next() == nil)
  }

  @Test func makesOnlySoManyAhead() throws {
    let dataset = WatchedDataset(103)
    let loader = Loader(dataset, sampler, epoch: 0, depth: 3, slices: whole)
    defer { loader.cancel() }
    usleep(50_000)
    // Three lie ready, one waits for a place.
    #expect(dataset.made.load(ordering: .relaxed) <= 4)
    _ = try loader.next()
    usleep(50_000)
    #expect(dataset.made.load(ordering: .relaxed) <= 5)
  }

  /// A thread that still waited would hold the data set.
  @Test(arguments: [0, 1, 3]) func cancellingEndsTheThread(_ taken: Int) throws {
    weak var dataset: WatchedDataset?
    do {
      let mine = WatchedDataset(103)
      dataset = mine
      let loader = Loader(mine, sampler, epoch: 0, depth: 1, slices: whole)
      for _ in 0..<taken { _ = try loader.next() }
      loader.cancel()
      // Whoever asks after that is not left waiting.
      while try loader.next() != nil {}
    }
    for _ in 0..<200 where dataset != nil { usleep(10_000) }
    #expect(dataset == nil)
  }

  /// A batch that is being made when nobody wants more is made to its end before `cancel` returns: the data set may go.
  @Test func cancellingWaitsForTheThread() throws {
    final class Slow: Dataset {
      let count = 100
      let isInside = Atomic<Bool>(false)
      let delay: UInt32 = 20_000
      func batch(_ samples: [Int]) throws -> Batch {
        isInside.store(true, ordering: .sequentiallyConsistent)
        usleep(delay)
        isInside.store(false, ordering: .sequentiallyConsistent)
        return Batch(inputs: Tensor(samples.map { Float($0) }), targets: .empty, samples: samples)
      }
    }
    let slow = Slow()
    let loader = Loader(slow, Sampler(sampleCount: 100, batchSize: 1), epoch: 0, depth: 100, slices: whole)
    _ = try loader.next()
    while !slow.isInside.load(ordering: .sequentiallyConsistent) { usleep(100) }
    loader.cancel()
    let isInside = slow.isInside.load(ordering: .sequentiallyConsistent)
    #expect(!isInside)
    #expect(try loader.next() == nil)
  }

  /// Dropped without a word, after an error elsewhere say, a loader must neither trap nor wait for ever.
  @Test func droppedEarly() throws {
    weak var dataset: WatchedDataset?
    for taken in [0, 1, 2, 5] {
      let mine = WatchedDataset(103)
      dataset = mine
      let loader = Loader(mine, sampler, epoch: 0, depth: 2, slices: whole)
      for _ in 0..<taken { _ = try loader.next() }
    }
    for _ in 0..<200 where dataset != nil { usleep(10_000) }
    #expect(dataset == nil)
  }
}
