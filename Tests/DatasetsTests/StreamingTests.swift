import Foundation
import HDF5Files
import MessagePassing
import Synchronization
import Testing

@testable import Datasets
@testable import TestSupport

/// Samples that say where they stand, in chunks; counts how often each chunk is read.
private final class Numbers: StreamingDataset, @unchecked Sendable {
  let layout: ChunkLayout
  let broken: Int?
  private let loads = Mutex<[Int: Int]>([:])
  /// Every second data set.
  var loadsInParallel: Bool { layout.count % 2 == 1 }

  init(_ count: Int, rows: Int, broken: Int? = nil) {
    layout = ChunkLayout(count: count, rows: rows, columns: [MemoryLayout<Int64>.stride, 4])
    self.broken = broken
  }

  func load(_ samples: Range<Int>, into chunk: ChunkBuffer) throws {
    loads.withLock { $0[samples.lowerBound / layout.rows, default: 0] += 1 }
    if let broken, samples.contains(broken) { throw ChunkError(samples: samples, "are broken") }
    for sample in samples {
      chunk.row(of: sample, as: Int64.self)[0] = Int64(sample)
      chunk.row(of: sample, column: 1, as: Float.self)[0] = Float(sample) / 2
    }
  }

  func batch(_ loaded: LoadedSamples, epoch: Int) throws -> Batch {
    Batch(
      inputs: loaded.tensor(shape: [1], as: Int64.self), targets: loaded.tensor(column: 1, shape: [1], as: Float.self),
      samples: loaded.samples)
  }

  var chunkLoads: [Int: Int] { loads.withLock { $0 } }
}

/// Data sets of which only some chunks are in memory.
@Suite struct StreamingTests {
  private func options(_ memory: Int, _ shuffling: Shuffling? = nil, window: Int? = nil) -> StreamingOptions {
    var options = StreamingOptions()
    (options.memory, options.shuffling, options.window) = (memory, shuffling, window)
    return options
  }

  /// The samples of an epoch as a rank's loader delivers them; fails where a batch is not of the samples that it names.
  private func epoch(
    _ data: Streamed, _ epoch: Int, batchSize: Int, from first: Int = 0, rank: Int = 0, of ranks: Int = 1
  ) throws -> [[Int]] {
    let sampler = Sampler(of: data, batchSize: batchSize, seed: 9)
    let loader = Loader(data, sampler, epoch: epoch, from: first) { count in
      let own = count * rank / ranks..<count * (rank + 1) / ranks
      return [own.prefix(own.count / 2), own.dropFirst(own.count / 2)]
    }
    defer { loader.cancel() }
    var result: [[Int]] = []
    while let batch = try loader.next() {
      for slice in batch.slices where !slice.samples.isEmpty {
        #expect(try slice.inputs.values(as: Int64.self).map { Int($0) } == slice.samples)
        #expect(try slice.targets.floats().map { Int($0 * 2) } == slice.samples)
      }
      result.append(batch.slices.flatMap(\.samples))
    }
    return result
  }

  /// Every sample once an epoch, in the same order in memory and streamed, on any ranks, and on others from any step on: of
  /// 1,000 random data sets, or as many as `LOCKSTEP_ROUNDS` says.
  @Test func eachSampleOnceAnEpochWhateverTheMemory() throws {
    var draw = SeededNumbers(71)
    for _ in 0..<(ProcessInfo.processInfo.environment["LOCKSTEP_ROUNDS"].flatMap { Int($0) } ?? 1_000) {
      let (count, rows, batchSize) = (draw.int(1...120), draw.int(1...17), draw.int(1...40))
      let source = Numbers(count, rows: rows)
      let windowBytes = source.layout.memoryBytes * draw.int(1...4)
      let streamed = try Streamed(source, options(max(2 * windowBytes, 1), .windowed, window: windowBytes))
      let resident = try Streamed(Numbers(count, rows: rows), options(1 << 20, .windowed, window: windowBytes))
      #expect(resident.isResident)
      #expect(streamed.ordering == resident.ordering)
      let number = draw.int(0...3)
      let whole = try epoch(streamed, number, batchSize: batchSize)
      #expect(whole.joined().sorted() == Array(0..<count))
      #expect(try epoch(resident, number, batchSize: batchSize) == whole)
      let first = draw.int(0...whole.count)
      let ranks = draw.int(1...4)
      let shares = try (0..<ranks).map {
        try epoch(streamed, number, batchSize: batchSize, from: first, rank: $0, of: ranks)
      }
      let together = (0..<whole.count - first).map { step in shares.flatMap { $0[step] } }
      #expect(together == Array(whole.dropFirst(first)))
    }
  }

  /// The next epoch has another order; a window mixes what is far apart.
  @Test func windowsShuffleChunksAndSamples() throws {
    let data = try Streamed(Numbers(10_000, rows: 10), options(1 << 20, .windowed, window: 20 * 192))
    let (first, second) = (try epoch(data, 0, batchSize: 50), try epoch(data, 1, batchSize: 50))
    #expect(first != second)
    #expect(Set(first[0].map { $0 / 10 }).count > 10)
    // Neighbours in the file are seldom neighbours in a batch.
    let steps = zip(first.joined(), first.joined().dropFirst()).count { $1 == $0 + 1 }
    #expect(steps < 600)
  }

  @Test func eachChunkIsReadOnceAnEpoch() throws {
    let source = Numbers(1003, rows: 10)
    let data = try Streamed(source, options(8 * source.layout.memoryBytes, window: 4 * source.layout.memoryBytes))
    #expect(!data.isResident && data.shuffling == .windowed)
    for number in 0..<3 { _ = try epoch(data, number, batchSize: 64) }
    #expect(source.chunkLoads == Dictionary(uniqueKeysWithValues: (0...100).map { ($0, 3) }))
    // In order, for an evaluation.
    let ordered = Numbers(1003, rows: 10)
    let evaluated = try Streamed(ordered, options(4 * ordered.layout.memoryBytes), isTraining: false)
    #expect(try epoch(evaluated, 0, batchSize: 64).flatMap { $0 } == Array(0..<1003))
    #expect(ordered.chunkLoads.values.allSatisfy { $0 == 1 })
  }

  @Test func aBudgetThatIsTooSmallIsTold() throws {
    let source = Numbers(1000, rows: 100)
    let chunk = source.layout.memoryBytes
    #expect(
      message { _ = try Streamed(source, options(chunk)) }
        == "memory is \(chunk) bytes, but must be \(2 * chunk) at least: two windows of 100 samples")
    #expect(message { _ = try Streamed(source, options(2 * chunk, .full)) }?.hasPrefix("shuffle is full, ") == true)
  }

  /// What can't be read is told where it is needed, with its samples; what came before is trained on.
  @Test func aBrokenChunkIsNamed() throws {
    let source = Numbers(100, rows: 10, broken: 57)
    let data = try Streamed(source, options(4 * source.layout.memoryBytes), isTraining: false)
    let loader = Loader(data, Sampler(of: data, batchSize: 10), epoch: 0) { [0..<$0] }
    var batches = 0
    let error = message { while try loader.next() != nil { batches += 1 } }
    #expect(error == "samples 50…59 are broken")
    #expect(batches == 5)
  }

  /// Samples outside of a pass, and two passes at once, of which the older one reads for itself.
  @Test func samplesCanBeHadInAnyWay() throws {
    let source = Numbers(200, rows: 10)
    let data = try Streamed(source, options(4 * source.layout.memoryBytes))
    #expect(try data.batch([150, 3, 77]).inputs.values(as: Int64.self) == [150, 3, 77])
    let sampler = Sampler(of: data, batchSize: 20, seed: 9)
    let (first, second) = (
      Loader(data, sampler, epoch: 0) { [0..<$0] }, Loader(data, sampler, epoch: 1) { [0..<$0] }
    )
    var samples: [[Int]] = [[], []]
    for _ in 0..<10 {
      for (index, loader) in [first, second].enumerated() {
        let batch = try #require(try loader.next())
        #expect(try batch.slices[0].inputs.values(as: Int64.self).map { Int($0) } == batch.slices[0].samples)
        samples[index] += batch.slices[0].samples
      }
    }
    #expect(samples.map { $0.sorted() } == [Array(0..<200), Array(0..<200)])
  }

  /// The digest of images does not depend on how they are read, and is the one of older checkpoints.
  @Test func imagesKeepTheirDigest() throws {
    let folder = try TemporaryFolder()
    let split = smallImages(300)
    let image = try ClassificationFile.encode(
      [("train", split)], classNames: (0..<10).map { "\($0)" }, sourceSHA256: "")
    let file = try ClassificationFile.open(folder.put(image, "images.h5"))
    let streamed = try file.streamed("train", isTraining: true)
    #expect(streamed.isResident)
    #expect(try streamed.digest == split.digest)
    let some = [7, 299, 0]
    let (found, wanted) = (try streamed.batch(some), try ImageDataset(split).batch(some))
    #expect(try found.inputs.floats() == wanted.inputs.floats())
    #expect(try found.targets.values(as: Int64.self) == wanted.targets.values(as: Int64.self))
  }

  /// Skipped samples give their place to others of their window, the same ones whoever asks; they are told once.
  @Test(arguments: [Shuffling.windowed, .full]) func badChunksAreLeftOut(_ shuffling: Shuffling) throws {
    var told: [[[Int]]] = []
    for ranks in 1...3 {
      let source = Numbers(100, rows: 10, broken: 57)
      var options = options(
        shuffling == .full ? 1 << 20 : 4 * source.layout.memoryBytes, window: 2 * source.layout.memoryBytes)
      options.skipsBadChunks = true
      let data = try Streamed(source, options)
      let batches = try (0..<ranks).map { rank in
        let loader = Loader(data, Sampler(of: data, batchSize: 20, seed: 9), epoch: 0) {
          [$0 * rank / ranks..<$0 * (rank + 1) / ranks]
        }
        defer { loader.cancel() }
        var values: [[Int]] = []
        while let batch = try loader.next() {
          values.append(try batch.slices[0].inputs.values(as: Int64.self).map { Int($0) })
        }
        return values
      }
      let whole = (0..<5).map { step in batches.flatMap { $0[step] } }
      let counts = Dictionary(grouping: whole.joined()) { $0 }.mapValues(\.count)
      #expect(counts.keys.sorted() == Array(0..<50) + Array(60..<100))
      #expect(counts.values.reduce(0, +) == 100 && counts.values.allSatisfy { $0 <= 2 })
      told.append(whole)
      let bad = data.takeBadChunks()
      #expect(bad.map(\.samples) == [50..<60] && bad.first?.reason == "samples 50…59 are broken")
      #expect(data.takeBadChunks().isEmpty)
    }
    #expect(told[1] == told[0] && told[2] == told[0])
  }

  /// A byte of a chunk flipped in the file, and a file that someone writes to: told with the rows, by the first batch that
  /// needs them.
  @Test func damagedAndChangedFilesAreNoticed() throws {
    let folder = try TemporaryFolder()
    let split = smallImages(4000, side: 28)
    var image = try ClassificationFile.encode(
      [("train", split)], classNames: (0..<10).map { "\($0)" }, sourceSHA256: "")
    func read(_ path: String) throws {
      let bytes = 256 << 10
      let data = try ClassificationFile.open(path).streamed("train", ImageTransform(), self.options(4 * bytes))
      let loader = Loader(data, Sampler(of: data, batchSize: 100), epoch: 0) { [0..<$0] }
      defer { loader.cancel() }
      var isChanged = false
      while try loader.next() != nil {
        if path.hasSuffix("changed.h5"), !isChanged {
          isChanged = true
          let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
          try file.truncate(atOffset: UInt64(image.count / 2))
        }
      }
    }
    let changed = try folder.put(image, "changed.h5")
    #expect(message { try read(changed) }?.hasSuffix("the file was changed while it was read") == true)
    let place = try #require(image.indices.dropFirst(image.count / 2).first { image[$0] != 0 })
    image[place] ^= 1
    let damaged = try folder.put(image, "damaged.h5")
    let error = try #require(message { try read(damaged) })
    #expect(error.hasPrefix("\(damaged): /train/images: reading rows "), "\(error)")
  }
}
