import Lockstep
import Synchronization
import Testing

@testable import TestSupport

/// Numbers that are their own places; counts the chunks that this rank reads.
private final class Counted: StreamingDataset, Sendable {
  let layout = ChunkLayout(count: 1003, rows: 10, columns: [MemoryLayout<Int64>.stride])
  let loads = Atomic<Int>(0)

  func load(_ samples: Range<Int>, into chunk: ChunkBuffer) throws {
    loads.add(1, ordering: .relaxed)
    for sample in samples { chunk.row(of: sample, as: Int64.self)[0] = Int64(sample) }
  }
  func batch(_ loaded: LoadedSamples, epoch: Int) throws -> Batch {
    let numbers = loaded.tensor(shape: [1], as: Int64.self)
    return Batch(inputs: numbers, targets: numbers, samples: loaded.samples)
  }
}

/// The ranks of a host read each chunk once an epoch between them, and one that is through its share reads on for the others.
@Suite(.serialized, .timeLimit(.minutes(10))) struct StreamingRanksTests {
  @Test(arguments: [true, false]) func chunksAreReadOnceByAllRanks(_ isTraining: Bool) throws {
    let ranks = try Ranks.duplicate()
    let source = Counted()
    let data = try Streamed(source, StreamingOptions(memory: 3000), isTraining: isTraining)
    try ranks.share([data])
    for epoch in 0..<3 {
      let sharding = Sharding(rank: ranks.rank, rankCount: ranks.size, sliceSize: 16)
      let loader = Loader(data, Sampler(of: data, batchSize: 100, seed: 3), epoch: epoch) { sharding.slices(of: $0) }
      var sum: Int64 = 0
      while let batch = try loader.next() {
        for slice in batch.slices where !slice.samples.isEmpty {
          #expect(try slice.inputs.values(as: Int64.self).map { Int($0) } == slice.samples)
          sum += slice.samples.reduce(0) { $0 + Int64($1) }
        }
      }
      loader.cancel()
      #expect(try ranks.allReduce([sum]) == [1003 * 1002 / 2])
    }
    #expect(try ranks.allReduce([Int64(source.loads.load(ordering: .relaxed))]) == [3 * 101])
  }
}
