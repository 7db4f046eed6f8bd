import HDF5Files

/// A table in a CSV file that is read in blocks of rows, however large it is.
struct CSVTable {
  /// Some rows of the table.
  struct Block {
    let table: DataFrame
    /// The number of its first row, as messages count: from 1, the heading included.
    let firstRow: Int
  }

  let path: String
  let hasHeading: Bool
  /// Bytes that are read at once.
  var pieceBytes = 1 << 20
  private let separator: UInt8
  private let missing: MissingWords

  init(_ path: String, separator: Character, missing: Set<String>, hasHeading: Bool) throws {
    (self.path, self.hasHeading, self.missing) = (path, hasHeading, MissingWords(missing))
    self.separator = try CSVFields.separator(separator, path)
  }

  /// - Parameters:
  ///   - areWords: which columns hold words, so that all blocks have them alike; nil where each block is to tell by itself.
  ///   - onStoredBytes: sees the file's bytes.
  ///   - body: is given all rows, some at a time; of a table without rows a block without any.
  /// - Throws: `InputError` as `DataFrame(csv:)` does, and where the columns have changed since it was known what they hold.
  func forEachBlock(
    areWords: [Bool]? = nil, onStoredBytes: (UnsafeRawBufferPointer) -> Void, _ body: (Block) throws -> Void
  ) throws {
    var (names, rows) = ([String]?.none, 0)
    try FilePieces(path: path, pieceBytes: pieceBytes).forEach(onStoredBytes: onStoredBytes) { piece, isLast in
      // With the line feed behind it.
      let bytes = UnsafeBufferPointer(start: piece.baseAddress, count: piece.count + 1)
      let index = try CSVIndex(
        bytes, separator: separator, path: path, after: rows, width: names?.count, isLast: isLast)
      if index.rowCount == 0 { return index.byteCount }
      let fields = CSVFields(bytes: bytes, index: index, separator: separator)
      let isFirst = names == nil
      let known = try names ?? fields.names(hasHeading: hasHeading)
      let first = isFirst && hasHeading ? 1 : 0
      if let areWords, areWords.count != known.count { throw changed }
      let columns = try fields.columns(known, from: first, missing: missing, areWords: areWords)
      if let areWords, zip(areWords, columns).contains(where: { !$0 && $1.numbers == nil }) { throw changed }
      try body(Block(table: DataFrame(columns), firstRow: rows + first + 1))
      (names, rows) = (known, rows + index.rowCount)
      return index.byteCount
    }
  }

  var changed: InputError { InputError(path, "changed while it was read") }
}
