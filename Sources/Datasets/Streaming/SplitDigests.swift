import HDF5Files

/// What a file says of a split's samples without their being read: a digest of all, and the CRC-32 of each chunk.
struct SplitDigests: Sendable {
  /// `sha256:<hex>`; nil where the file does not say it.
  let root: String?
  /// By column, then by chunk; nothing for a column of which nothing is known.
  private let checksums: [[UInt32]]

  /// - Parameters:
  ///   - arrays: the datasets of the split, in the order of the columns.
  ///   - layout: the chunks as they will be read; of other chunks in the file nothing is known.
  init(_ file: HDF5File, _ split: String, _ arrays: [String], _ layout: ChunkLayout) throws {
    if case .string(let digest)? = try file.attribute("digest", of: "/\(split)") { root = digest } else { root = nil }
    checksums = try arrays.map { array in
      let path = "/\(split)/digests/\(array)"
      guard try file.exists("/\(split)/digests"), try file.exists(path),
        case .int(let rows)? = try file.attribute("rows", of: path), rows == Int64(layout.rows)
      else { return [] }
      let values = try file.read(path, as: UInt32.self)
      guard values.count == layout.chunkCount else {
        throw InputError(
          file.path, "\(path): expected \(layout.chunkCount) digests, one for each chunk, found \(values.count)")
      }
      return values
    }
  }

  /// What the CRC-32 of a chunk's column must be, where that is known.
  func checksum(ofChunk chunk: Int, column: Int) -> UInt32? {
    checksums[column].isEmpty ? nil : checksums[column][chunk]
  }
}
