import HDF5Files

/// Writes the JPEG files of a split as they come, some megabytes at a time, and a digest of each.
final class EncodedWriter {
  private let file: HDF5File
  private let split: String
  /// Files that are expected; fewer may come.
  private let most: Int
  private var pending: [UInt8] = []
  private var lengths: [Int] = []
  private var written = 0
  private var digests = ChunkDigests(rows: 1, of: .uint8)

  private static let mostPendingBytes = 4 << 20

  private var path: String { "/\(split)/\(EncodedImages.array)" }
  /// Files that have come.
  var count: Int { written + lengths.count }

  init(
    _ file: HDF5File, _ split: String, channels: Int, _ size: ImageSize, count: Int, _ storage: JPEGStorage
  ) throws {
    (self.file, self.split, most) = (file, split, count)
    try file.createByteLists(path, count: count)
    for (name, number) in [("height", size.height), ("width", size.width), ("channels", channels)] {
      try file.setAttribute(name, of: path, to: .int(Int64(number)))
    }
    try file.setAttribute("quality", of: path, toPadded: storage.text)
  }

  /// The next file.
  func append(_ image: UnsafeBufferPointer<UInt8>) throws {
    digests.append(UnsafeRawBufferPointer(image))
    pending += image
    lengths.append(image.count)
    if pending.count >= Self.mostPendingBytes { try flush() }
  }

  private func flush() throws {
    try pending.withUnsafeBytes { try file.write(lists: $0, lengths: lengths, atRow: written, of: path) }
    written += lengths.count
    (pending, lengths) = ([], [])
  }

  /// Writes what is left, and the digests; what they come to.
  func finish() throws -> UInt {
    try flush()
    if written < most { try file.shorten(path, toRows: written) }
    try digests.write(file, split, EncodedImages.array)
    return EncodedImages.checksum(of: digests)
  }
}
