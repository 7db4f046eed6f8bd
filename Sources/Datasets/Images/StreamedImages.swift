import HDF5Files
import Tensors

/// The labelled images of a file, read when they are needed.
struct StreamedImages: StreamingDataset {
  let layout: ChunkLayout
  private let images: StoredImages
  /// nil where nobody knows the classes.
  private let labels: HDF5Rows?
  private let cache: BlockCache<Int64>?
  private let classCount: Int
  private let decoder: ImageDecoder
  private let extents: (channels: Int, height: Int, width: Int)
  private let path, split: String
  /// Of pixels; JPEG files are held against theirs before they are decoded.
  private let digests: SplitDigests?
  let knownDigest: String?

  init(
    _ file: HDF5File, _ split: String, _ images: StoredImages, classCount: Int, isLabelled: Bool,
    _ transform: ImageTransform
  ) throws {
    (path, self.split, self.classCount, self.images) = (file.path, split, classCount, images)
    labels = isLabelled ? try file.rows(of: "/\(split)/labels") : nil
    let shape = images.shape
    extents = (shape[1], shape[2], shape[3])
    // Labels stand beside the images in any case; those that nobody knows are 0.
    let layout = images.layout(columns: [images.imageBytes, MemoryLayout<Int32>.stride])
    self.layout = layout
    decoder = try ImageDecoder(channels: shape[1], ImageSize(shape[2], shape[3]), transform)
    switch images {
    case .pixels:
      cache = nil
      let digests = try SplitDigests(file, split, ["images", "labels"], layout)
      self.digests = digests
      knownDigest = digests.wholes.map { Self.digest(layout, (shape[1], shape[2], shape[3]), $0) }
    case .encoded(let encoded):
      cache = BlockCache()
      digests = nil
      let labels = try ChunkDigests.read(file, split, "labels").map {
        $0.combined(rowBytes: MemoryLayout<Int32>.stride, count: encoded.count)
      }
      knownDigest = encoded.knownChecksum.flatMap { images in labels.map { encoded.digest(images: images, labels: $0) }
      }
    }
  }

  /// Decoding is work for all cores.
  var loadsInParallel: Bool { if case .encoded = images { true } else { false } }

  func load(_ samples: Range<Int>, into chunk: ChunkBuffer) throws {
    try images.read(samples, into: chunk.column(0, as: UInt8.self))
    let stored = chunk.column(1, as: Int32.self)
    guard let labels else { return stored.update(repeating: 0) }
    try withUnsafeTemporaryAllocation(of: Int64.self, capacity: samples.count) { numbers in
      try read(labels, samples, into: numbers)
      if let row = numbers.firstIndex(where: { !(0..<Int64(classCount) ~= $0) }) {
        throw InputError(
          path,
          "/\(split)/labels: row \(samples.lowerBound + row): expected a label in 0...\(classCount - 1), found "
            + "\(numbers[row])")
      }
      for row in 0..<samples.count { stored[row] = Int32(truncatingIfNeeded: numbers[row]) }
    }
  }

  /// Labels beside images that are decoded a few at a time stay in memory.
  private func read(_ labels: HDF5Rows, _ samples: Range<Int>, into numbers: UnsafeMutableBufferPointer<Int64>) throws {
    guard let cache else { return try labels.read(samples, into: numbers) }
    let some = try cache.elements(samples, of: labels.rowCount) { rows in
      try [Int64](unsafeUninitializedCapacity: rows.count) { buffer, filled in
        try labels.read(rows, into: UnsafeMutableBufferPointer(rebasing: buffer[..<rows.count]))
        filled = rows.count
      }
    }
    _ = numbers.update(fromContentsOf: some)
  }

  func batch(_ loaded: LoadedSamples, epoch: Int) throws -> Batch {
    let inputs = try decoder.batch(loaded.samples, epoch: epoch) {
      loaded.row($0).assumingMemoryBound(to: UInt8.self)
    }
    let labels = (0..<loaded.count).map { Int64(loaded.row($0, column: 1).load(as: Int32.self)) }
    return Batch(inputs: inputs, targets: Tensor(labels), samples: loaded.samples)
  }

  /// As that of an `ImageSplit` with these images.
  func digest(ofColumns checksums: [UInt]) -> String { Self.digest(layout, extents, checksums) }

  private static func digest(
    _ layout: ChunkLayout, _ extents: (channels: Int, height: Int, width: Int), _ checksums: [UInt]
  ) -> String {
    ImageSplit.digest(
      count: layout.count, extents.channels, extents.height, extents.width, pixels: checksums[0], labels: checksums[1])
  }

  func checksum(ofChunk chunk: Int, column: Int) -> UInt32? { digests?.checksum(ofChunk: chunk, column: column) }
}

extension ChunkLayout {
  /// Whole chunks of the file, several together where those are small.
  init(of rows: HDF5Rows, columns: [Int]) {
    guard let stored = rows.chunk?.first, rows.isFiltered else {
      self.init(count: rows.rowCount, columns: columns)
      return
    }
    let bytes = max(columns.reduce(0, +), 1).multipliedReportingOverflow(by: max(stored, 1))
    let few = rows.rowCount / Self.leastChunks / max(stored, 1)
    let together = bytes.overflow ? 1 : max(1, min(Self.chunkBytes / bytes.partialValue, few))
    self.init(count: rows.rowCount, rows: max(stored, 1) * together, columns: columns)
  }
}
