import HDF5Files

/// How the arrays of a data set are kept in its file. All arrays of a split have chunks of the same rows, whole ones: a chunk
/// of samples is one read in each.
public struct ArrayStorage: Sendable, Equatable {
  /// What makes chunks smaller.
  public enum Compression: String, Sendable, CaseIterable {
    /// Nothing: as they are they are fastest to read.
    case none
    /// Deflate, which every HDF5 library reads; the bytes of wider numbers are sorted first.
    case gzip
  }

  /// Rows of a chunk; nil for so many that the largest array's chunk has a quarter of a megabyte.
  public var chunkRows: Int?
  /// What is done with each chunk.
  public var compression = Compression.none

  /// Chunks of a quarter of a megabyte, as they are.
  public init() {}

  private static let mostChunkBytes = 64 << 20
  private static let gzipLevel = 4

  var compress: Int? { compression == .gzip ? Self.gzipLevel : nil }

  /// Rows of a chunk in a split of `count` rows, the largest of which has `rowBytes` bytes in the file.
  /// - Throws: `InputError` for chunks that would be absurdly large.
  func rows(rowBytes: Int, count: Int, _ path: String) throws -> Int {
    let bytes = max(rowBytes, 1)
    guard let chunkRows else {
      let room = max(HDF5File.chunkBytes / bytes, 1)
      return max(1, min(1 << (Int.bitWidth - 1 - room.leadingZeroBitCount), count))
    }
    let rows = max(1, min(chunkRows, count))
    guard rows <= max(Self.mostChunkBytes / bytes, 1) else {
      throw InputError(
        path, "chunks of \(rows) rows have more than \(Self.mostChunkBytes >> 20) MB: \(rowBytes) bytes each",
        kind: .usage)
    }
    return rows
  }
}
