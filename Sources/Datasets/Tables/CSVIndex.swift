import HDF5Files

/// Where the fields of a CSV text begin: RFC 4180 with `\n`, `\r\n` or `\r` at the ends of rows, a byte order mark passed
/// over, and empty lines left out, as pandas does.
///
/// Of a text that comes in pieces, a piece's last row may be unfinished: it is left for the next one.
struct CSVIndex {
  let path: String
  let columnCount: Int
  /// Rows of the pieces before, the heading included.
  let rowsBefore: Int
  /// Rows, the heading included.
  private(set) var rowCount = 0
  /// Where the first row begins that is not among these.
  private(set) var byteCount = 0
  /// Row by row. A field's end follows from its first byte: a quote, or else anything up to the next separator.
  private(set) var starts: [Int] = []

  private static let quote = UInt8(ascii: "\"")
  /// A row that is longer is rather one of many, whose quote is missing.
  private static let longestRow = 64 << 20

  /// - Parameters:
  ///   - bytes: a piece of the text, which must end with a line feed of the caller's: it stops every scan.
  ///   - rowsBefore: those of the pieces before this one.
  ///   - width: fields of a row, where that is known.
  ///   - isLast: whether the text ends with this piece.
  /// - Throws: `InputError` for rows of unequal length and misplaced or missing quotes.
  init(
    _ bytes: UnsafeBufferPointer<UInt8>, separator: UInt8, path: String, after rowsBefore: Int = 0,
    width known: Int? = nil, isLast: Bool = true
  ) throws {
    (self.path, self.rowsBefore) = (path, rowsBefore)
    var scan = Scan(bytes, separator, path, isLast: isLast)
    if rowsBefore == 0, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { scan.position = 3 }
    starts.reserveCapacity(bytes.count / 6)
    var width = known
    while scan.position < scan.end {
      byteCount = scan.position
      if scan.skipLineEnd() { continue }
      let (before, row) = (starts.count, rowsBefore + rowCount + 1)
      repeat {
        starts.append(scan.position)
      } while try scan.passField(row: row, column: starts.count - before)
      if scan.position > scan.end, !isLast {
        // It was the caller's line feed that ended the row.
        starts.removeSubrange(before...)
        guard scan.end - byteCount <= Self.longestRow else {
          throw InputError(path, "row \(row): does not end within \(Self.longestRow >> 20) MB: is a quote missing?")
        }
        break
      }
      let count = starts.count - before
      let expected = width ?? count
      guard count == expected else {
        throw InputError(path, "row \(row): expected \(expected) fields as in row 1, found \(count)")
      }
      width = expected
      rowCount += 1
      byteCount = min(scan.position, scan.end)
    }
    if scan.position == scan.end { byteCount = scan.end }
    guard rowsBefore + rowCount > 0 || !isLast else {
      throw InputError(path, "is empty: expected a first row with the names of columns")
    }
    columnCount = width ?? 0
  }

  private struct Scan {
    let base: UnsafePointer<UInt8>?
    let separator: UInt8
    let path: String
    let isLast: Bool
    /// Of the text without the line feed that was put behind it.
    let end: Int
    var position = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>, _ separator: UInt8, _ path: String, isLast: Bool) {
      (base, self.separator, self.path, self.isLast) = (bytes.baseAddress, separator, path, isLast)
      end = max(bytes.count - 1, 0)
    }

    /// Passes over the end of a line, if here is one.
    mutating func skipLineEnd() -> Bool {
      guard let base else { return false }
      let byte = base[position]
      guard byte == 0x0A || byte == 0x0D else { return false }
      position += byte == 0x0D && position < end && base[position + 1] == 0x0A ? 2 : 1
      return true
    }

    /// Moves behind the field that begins here, and its separator or line end; whether another one follows in the row.
    mutating func passField(row: Int, column: Int) throws -> Bool {
      guard let base else { return false }
      var place = position
      if place < end, base[place] == CSVIndex.quote {
        place = try passQuoted(from: place, row, column)
        let next = base[place]
        guard next == separator || next == 0x0A || next == 0x0D else {
          throw InputError(path, "row \(row), column \(column): text follows a closing quote")
        }
      } else {
        while case let byte = base[place], byte != separator, byte != 0x0A, byte != 0x0D { place += 1 }
      }
      let isSeparator = base[place] == separator && place < end
      position = place
      if isSeparator { position += 1 } else { _ = skipLineEnd() }
      return isSeparator
    }

    /// The place behind the closing quote.
    private func passQuoted(from start: Int, _ row: Int, _ column: Int) throws -> Int {
      guard let base else { return start }
      var place = start + 1
      while place < end {
        if base[place] != CSVIndex.quote {
          place += 1
        } else if base[place + 1] == CSVIndex.quote && place + 1 < end {
          place += 2
        } else {
          return place + 1
        }
      }
      // It may be closed in the next piece.
      guard isLast else { return end }
      throw InputError(path, "row \(row), column \(column): the quote that opens here is never closed")
    }
  }
}

/// A CSV text and the places of its fields.
struct CSVFields {
  let bytes: UnsafeBufferPointer<UInt8>
  let index: CSVIndex
  let separator: UInt8
  /// No name or category is longer, but a quote that is forgotten makes such fields.
  static let longestText = 1 << 20

  /// The bytes of a field, without the quotes around it; doubled quotes inside are still doubled.
  @inline(__always)
  func field(_ row: Int, _ column: Int) -> (bytes: UnsafeBufferPointer<UInt8>, isQuoted: Bool) {
    let start = index.starts[row * index.columnCount + column]
    var place = start
    guard bytes[start] == UInt8(ascii: "\""), start < bytes.count - 1 else {
      while case let byte = bytes[place], byte != separator, byte != 0x0A, byte != 0x0D { place += 1 }
      return (UnsafeBufferPointer(rebasing: bytes[start..<place]), false)
    }
    place += 1
    while true {
      if bytes[place] != UInt8(ascii: "\"") {
        place += 1
      } else if bytes[place + 1] == UInt8(ascii: "\"") {
        place += 2
      } else {
        return (UnsafeBufferPointer(rebasing: bytes[start + 1..<place]), true)
      }
    }
  }

  /// A field as text; row and column count from 0, the heading's row is 0.
  func text(_ row: Int, _ column: Int) throws -> String {
    let (raw, isQuoted) = field(row, column)
    let place = "row \(index.rowsBefore + row + 1), column \(column + 1)"
    guard raw.count <= CSVFields.longestText else {
      throw InputError(index.path, "\(place): a text of \(raw.count) bytes, more than \(CSVFields.longestText)")
    }
    guard !raw.contains(0) else { throw InputError(index.path, "\(place): holds a zero byte") }
    var last: UInt8 = 0
    let single = raw.filter { byte in
      let isSecond = isQuoted && byte == UInt8(ascii: "\"") && last == byte
      last = isSecond ? 0 : byte
      return !isSecond
    }
    guard let text = String(validating: single, as: UTF8.self) else {
      throw InputError(index.path, "\(place): is no UTF-8 text")
    }
    return text
  }
}
