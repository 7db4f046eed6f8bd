import HDF5Files
import Tensors

/// Samples that lie in chunks, somewhere where they need not be in memory: in a file, say, or made by a function. The loader
/// reads chunks ahead of training, keeps no more of them than it may, and lets the ranks of a host share them. As a data set
/// it is `Streamed(Waves(), StreamingOptions(memory: 64 << 20))`:
/// ```swift
/// struct Waves: StreamingDataset {
///   let layout = ChunkLayout(count: 1_000_000, columns: [32 * MemoryLayout<Float>.stride])
///   func load(_ samples: Range<Int>, into chunk: ChunkBuffer) throws {
///     for sample in samples {
///       let frequency = RandomKey(seed: 1, sample: sample).uniform(0)
///       let wave = chunk.row(of: sample, as: Float.self)
///       for place in wave.indices { wave[place] = sin(frequency * Float(place)) }
///     }
///   }
///   func batch(_ loaded: LoadedSamples, epoch: Int) throws -> Batch {
///     let waves = loaded.tensor(shape: [32], as: Float.self)
///     return Batch(inputs: waves, targets: waves, samples: loaded.samples)
///   }
/// }
/// ```
public protocol StreamingDataset: Sendable {
  /// How many samples there are, and how many of them, and bytes of each, lie in a chunk.
  var layout: ChunkLayout { get }
  /// Whether loading is work for all cores, such as decoding, rather than waiting for a file: then as many threads do it.
  var loadsInParallel: Bool { get }
  /// Reads the samples of a chunk. Called by several threads.
  func load(_ samples: Range<Int>, into chunk: ChunkBuffer) throws
  /// Makes a batch of samples whose chunks are loaded; of none, too.
  func batch(_ loaded: LoadedSamples, epoch: Int) throws -> Batch
  /// A digest (`sha256:<hex>`) by which ranks, and trainings that go on, know that they have the same samples, made of a
  /// CRC-32 of each column.
  func digest(ofColumns checksums: [UInt]) -> String
  /// What the digest would be, where that is known without reading the samples.
  var knownDigest: String? { get }
  /// What is known of a chunk's column before it is read: its CRC-32; nil for nothing.
  func checksum(ofChunk chunk: Int, column: Int) -> UInt32?
}

extension StreamingDataset {
  public var loadsInParallel: Bool { false }
  public func digest(ofColumns checksums: [UInt]) -> String { Self.digest(layout, checksums) }
  public var knownDigest: String? { nil }
  public func checksum(ofChunk chunk: Int, column: Int) -> UInt32? { nil }

  static func digest(_ layout: ChunkLayout, _ checksums: [UInt]) -> String {
    var hash = SHA256()
    hash.update("\(layout.count) \(layout.columns) \(checksums)")
    return hash.digest
  }
}

/// The memory of one chunk, while it is filled.
public struct ChunkBuffer {
  /// The samples that belong here.
  public let samples: Range<Int>
  let layout: ChunkLayout
  let start: UnsafeMutableRawPointer

  /// All samples of a column, one behind the other.
  public func column(_ column: Int) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(
      start: start + layout.offsets[column], count: samples.count * layout.columns[column])
  }

  /// All samples of a column, one behind the other, as numbers.
  public func column<T: BitwiseCopyable>(_ column: Int, as type: T.Type) -> UnsafeMutableBufferPointer<T> {
    self.column(column).bindMemory(to: type)
  }

  /// One sample of a column, as numbers.
  public func row<T: BitwiseCopyable>(
    of sample: Int, column: Int = 0, as type: T.Type
  ) -> UnsafeMutableBufferPointer<T> {
    let bytes = layout.columns[column]
    let place = (sample - samples.lowerBound) * bytes
    return UnsafeMutableRawBufferPointer(rebasing: self.column(column)[place..<place + bytes]).bindMemory(to: type)
  }
}

/// Some samples, each in its chunk's memory, for as long as a batch is made of them.
public struct LoadedSamples {
  /// Their numbers, in the order of the batch.
  public let samples: [Int]
  let layout: ChunkLayout
  /// Where the chunk with each sample begins.
  let chunks: [UnsafeRawPointer]
  /// Which of its chunk's rows each sample is.
  let rows: [Int]

  /// Samples in their chunks.
  init(_ samples: [Int], _ layout: ChunkLayout, _ places: [SamplePlace]) {
    (self.samples, self.layout) = (samples, layout)
    (chunks, rows) = (places.map(\.chunk), places.map(\.row))
  }

  /// Samples that were brought together in one chunk of the given layout.
  init(_ samples: [Int], gathered layout: ChunkLayout, at start: UnsafeRawPointer) {
    (self.samples, self.layout) = (samples, layout)
    chunks = [UnsafeRawPointer](repeating: start, count: samples.count)
    rows = Array(samples.indices)
  }

  /// How many there are.
  public var count: Int { samples.count }

  /// The bytes of a sample's column; `index` counts within the batch.
  public func row(_ index: Int, column: Int = 0) -> UnsafeRawPointer {
    chunks[index] + layout.offsets[column] + rows[index] * layout.columns[column]
  }

  /// A column of numbers as a tensor, the batch first.
  public func tensor<T: Element>(column: Int = 0, shape: [Int], as type: T.Type = T.self) -> Tensor {
    let bytes = layout.columns[column]
    let values = [T](unsafeUninitializedCapacity: count * bytes / MemoryLayout<T>.stride) { buffer, filled in
      let target = UnsafeMutableRawBufferPointer(buffer)
      for index in 0..<count {
        let source = UnsafeRawBufferPointer(start: row(index, column: column), count: bytes)
        UnsafeMutableRawBufferPointer(rebasing: target[(index * bytes)...]).copyMemory(from: source)
      }
      filled = count * bytes / MemoryLayout<T>.stride
    }
    return Tensor(values, shape: Shape([count] + shape))
  }
}

/// Where a sample is in memory.
struct SamplePlace {
  /// Where its chunk begins.
  let chunk: UnsafeRawPointer
  let row: Int
}
