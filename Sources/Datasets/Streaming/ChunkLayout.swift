/// How samples lie in chunks: so many in each, the last one shorter, and so many bytes of each sample in each column, such
/// as an image and its label. In memory a chunk's first column stands before its second.
public struct ChunkLayout: Sendable, Equatable {
  /// Samples of all chunks.
  public let count: Int
  /// Samples of a chunk.
  public let rows: Int
  /// Bytes of a sample in each column.
  public let columns: [Int]
  /// Where in a chunk's memory each column begins.
  let offsets: [Int]
  /// The memory of a chunk.
  let memoryBytes: Int

  /// - Parameters:
  ///   - count: samples of all chunks.
  ///   - rows: samples of a chunk.
  ///   - columns: bytes of a sample in each column.
  public init(count: Int, rows: Int, columns: [Int]) {
    (self.count, self.rows, self.columns) = (max(count, 0), max(min(rows, count), 1), columns)
    var (offsets, end) = ([Int](), 0)
    for bytes in columns {
      offsets.append(end)
      end += (bytes * self.rows + Self.alignment - 1) / Self.alignment * Self.alignment
    }
    (self.offsets, memoryBytes) = (offsets, end)
  }

  /// Chunks of about a quarter of a megabyte: one read, and many of them in a window. Of few samples smaller ones, so that
  /// there are some to shuffle.
  public init(count: Int, columns: [Int]) {
    let rowBytes = max(columns.reduce(0, +), 1)
    self.init(count: count, rows: max(1, min(Self.chunkBytes / rowBytes, count / Self.leastChunks)), columns: columns)
  }

  static let leastChunks = 1024

  static let chunkBytes = 256 << 10
  /// Columns begin where vectors may be loaded from.
  private static let alignment = 64

  /// How many chunks there are.
  public var chunkCount: Int { (count + rows - 1) / rows }
  /// The samples of a chunk.
  public func samples(of chunk: Int) -> Range<Int> { chunk * rows..<min((chunk + 1) * rows, count) }

  /// The memory of all chunks; nil where that is more than there are numbers for.
  var allBytes: Int? {
    let (bytes, overflow) = memoryBytes.multipliedReportingOverflow(by: chunkCount)
    return overflow ? nil : bytes
  }
}

extension ChunkLayout {
  /// The most bytes that a window has unless told otherwise.
  static let windowBytes = 16 << 20

  /// The chunks of a window, among which samples are shuffled: so many that a window has the given bytes, or else a
  /// tenth of the samples and at most 16 MiB. It depends on nothing but the data, so that the order does not, either.
  public func window(bytes: Int? = nil) -> Int {
    let wanted = bytes ?? min(Self.windowBytes, (allBytes ?? .max) / 10)
    return max(1, min(wanted / max(memoryBytes, 1), chunkCount))
  }
}
