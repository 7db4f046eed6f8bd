import HDF5Files

/// Writes texts as they come, in whole chunks.
final class TextWriter {
  private let file: HDF5File
  private let path: String
  private let count: Int
  private let chunkRows: Int
  private var pending: [String] = []
  private var rowsWritten = 0

  /// - Parameters:
  ///   - count: how many will come.
  ///   - length: bytes of the longest.
  init(_ file: HDF5File, _ path: String, count: Int, length: Int) throws {
    (self.file, self.path, self.count) = (file, path, count)
    chunkRows = max(min(HDF5File.chunkBytes / max(length, 1), count), 1)
    try file.createStringRows(path, count: count, length: length, chunkRows: chunkRows)
  }

  func append(_ texts: [String]) throws {
    pending += texts
    while pending.count >= chunkRows { try write(chunkRows) }
  }

  private func write(_ some: Int) throws {
    try file.writeStrings(Array(pending[..<some]), atRow: rowsWritten, of: path)
    rowsWritten += some
    pending.removeFirst(some)
  }

  func finish() throws {
    try write(pending.count)
    precondition(rowsWritten == count, "\(path): \(rowsWritten) of \(count) texts")
  }
}
