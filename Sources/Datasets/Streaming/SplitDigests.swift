import HDF5Files

/// What a file says of a split's arrays without their being read: CRC-32s of their chunks.
struct SplitDigests: Sendable {
  /// The CRC-32 of each column; nil where the file does not say all of them.
  let wholes: [UInt]?
  /// By column, then by chunk; nothing for a column of whose chunks nothing is known.
  private let chunks: [[UInt32]]

  /// - Parameters:
  ///   - arrays: the datasets of the split, in the order of the columns.
  ///   - layout: the chunks as they will be read; of other chunks in the file nothing is known but what they come to.
  init(_ file: HDF5File, _ split: String, _ arrays: [String], _ layout: ChunkLayout) throws {
    let known = try arrays.map { try ChunkDigests.read(file, split, $0) }
    let sums = zip(known, layout.columns).compactMap { digests, bytes in
      // A column without bytes has nothing to be different in.
      bytes == 0 ? 0 : digests.map { $0.combined(rowBytes: bytes, count: layout.count) }
    }
    wholes = sums.count == arrays.count ? sums : nil
    chunks = known.map { $0?.rows == layout.rows ? $0?.values ?? [] : [] }
  }

  /// What the CRC-32 of a chunk's column must be, where that is known.
  func checksum(ofChunk chunk: Int, column: Int) -> UInt32? {
    chunks[column].isEmpty ? nil : chunks[column][chunk]
  }
}
