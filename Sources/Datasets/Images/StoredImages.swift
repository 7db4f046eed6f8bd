import HDF5Files
import MessagePassing
import Synchronization

/// The images of a split as they lie in its file: pixels, or JPEG files that are decoded when they are read.
enum StoredImages: Sendable {
  case pixels(HDF5Rows)
  case encoded(EncodedImages)

  init(_ file: HDF5File, _ split: String) throws {
    if try Self.areEncoded(file, split) {
      self = .encoded(try EncodedImages(file, split))
      return
    }
    let object = "/\(split)/images"
    let type = try file.elementType(of: object)
    guard type == .uint8 else { throw InputError(file.path, "\(object): expected uint8, found \(type)") }
    let shape = try file.shape(of: object)
    guard shape.count == 4, shape.dropFirst().allSatisfy({ $0 > 0 }) else {
      throw InputError(file.path, "\(object): expected the shape [n, channels, height, width], found \(shape)")
    }
    self = .pixels(try file.rows(of: object))
  }

  static func areEncoded(_ file: HDF5File, _ split: String) throws -> Bool {
    try !file.isDataset("/\(split)/images") && file.isDataset("/\(split)/\(EncodedImages.array)")
  }

  /// `[n, channels, height, width]`
  var shape: [Int] {
    switch self {
    case .pixels(let rows): rows.shape
    case .encoded(let images): [images.count, images.channels, images.size.height, images.size.width]
    }
  }

  /// What it is called within its split.
  var array: String { if case .encoded = self { EncodedImages.array } else { "images" } }
  var count: Int { shape[0] }
  var imageBytes: Int { shape.dropFirst().reduce(1, *) }

  /// How samples are read that have so many bytes in each column: chunks of the file, or of as many images as are cheap to decode.
  func layout(columns: [Int]) -> ChunkLayout {
    switch self {
    case .pixels(let rows): ChunkLayout(of: rows, columns: columns)
    case .encoded(let images): ChunkLayout(count: images.count, columns: columns)
    }
  }

  func read(_ samples: Range<Int>, into pixels: UnsafeMutableBufferPointer<UInt8>) throws {
    switch self {
    case .pixels(let rows): try rows.read(samples, into: pixels)
    case .encoded(let images): if let start = pixels.baseAddress { try images.read(samples, into: start) }
    }
  }

  /// All pixels.
  func all() throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: count * imageBytes) { buffer, filled in
      // Each block has a place of its own.
      nonisolated(unsafe) let all = UnsafeMutableBufferPointer(rebasing: buffer[..<(count * imageBytes)])
      try inBlocks(0..<count) { samples in
        let place = samples.lowerBound * imageBytes..<samples.upperBound * imageBytes
        try read(samples, into: UnsafeMutableBufferPointer(rebasing: all[place]))
      }
      filled = all.count
    }
  }

  /// Gives `body` the pixels of some images, a few at a time, on several threads.
  func forEachBlock(
    of samples: Range<Int>, _ body: @Sendable (UnsafeBufferPointer<UInt8>) throws -> Void
  ) throws {
    try inBlocks(samples) { samples in
      try withUnsafeTemporaryAllocation(of: UInt8.self, capacity: max(samples.count * imageBytes, 1)) { buffer in
        let pixels = UnsafeMutableBufferPointer(rebasing: buffer[..<(samples.count * imageBytes)])
        try read(samples, into: pixels)
        try body(UnsafeBufferPointer(pixels))
      }
    }
  }

  /// How often each value of a pixel occurs.
  func pixelCounts() throws -> PixelCounts {
    let counts = Mutex(PixelCounts(channels: shape[1]))
    try forEachBlock(of: 0..<count) { pixels in
      var some = PixelCounts(channels: shape[1])
      some.add(pixels, area: shape[2] * shape[3])
      counts.withLock { $0.add(some) }
    }
    return counts.withLock { $0 }
  }

  private func inBlocks(_ samples: Range<Int>, _ body: @Sendable (Range<Int>) throws -> Void) throws {
    let blocks = layout(columns: [imageBytes])
    guard !samples.isEmpty else { return }
    let chunks = samples.lowerBound / blocks.rows...(samples.upperBound - 1) / blocks.rows
    try Parallel.forEach(chunks.count, threads: Cores.own) {
      try body(blocks.samples(of: chunks.lowerBound + $0).clamped(to: samples))
    }
  }
}
