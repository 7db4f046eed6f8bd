import HDF5Files

/// Reading CSV files.
extension DataFrame {
  /// What pandas takes for a missing value, but for `None`, which is a word as it was in the notes' pandas 1. An empty field
  /// is always missing, and a quoted one never by its word.
  public static let missingWords: Set<String> = [
    "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL",
    "NaN", "n/a", "nan", "null",
  ]

  /// Reads the CSV file at `path` (RFC 4180, UTF-8), whose first row names the columns. A column whose present values are
  /// all numbers holds numbers, any other words.
  ///
  /// - Throws: `FileError` for a file that can't be read; `InputError` with row and column (from 1, the first row included)
  ///   for ragged rows, quotes that are not closed, names that occur twice and text that is no UTF-8.
  public init(csv path: String, separator: Character = ",", missing: Set<String> = missingWords) throws {
    try self.init(csv: InputFile.bytes(of: path), name: path, separator: separator, missing: missing)
  }

  /// The same from the bytes of a file; `name` stands for it in messages. Without a heading the first row is one like
  /// the others, and the columns are called 0, 1, 2 …
  public init(
    csv bytes: [UInt8], name: String, separator: Character = ",", missing: Set<String> = missingWords,
    hasHeading: Bool = true
  ) throws {
    let separator = try CSVFields.separator(separator, name)
    let ended = bytes + [0x0A]
    let columns = try ended.withUnsafeBufferPointer { bytes in
      let index = try CSVIndex(bytes, separator: separator, path: name)
      let fields = CSVFields(bytes: bytes, index: index, separator: separator)
      let names = try fields.names(hasHeading: hasHeading)
      return try fields.columns(names, from: hasHeading ? 1 : 0, missing: MissingWords(missing))
    }
    try self.init(columns)
  }
}

extension CSVFields {
  /// The byte that separates fields.
  static func separator(_ separator: Character, _ path: String) throws -> UInt8 {
    guard let byte = separator.asciiValue, byte != 0x0A, byte != 0x0D, byte != 0x22 else {
      throw InputError(path, "can't be separated by \(String(separator).shown)", kind: .usage)
    }
    return byte
  }

  /// What the first row calls the columns, or else their numbers.
  func names(hasHeading: Bool) throws -> [String] {
    guard hasHeading else { return (0..<index.columnCount).map { "\($0)" } }
    var seen: [String: Int] = [:]
    return try (0..<index.columnCount).map { column in
      let name = try text(0, column)
      if let first = seen.updateValue(column, forKey: name) {
        throw InputError(index.path, "row 1: columns \(first + 1) and \(column + 1) are both named \(name.shown)")
      }
      return name
    }
  }

  /// The columns of all rows from `first` on. A block of rows at a time, so that they are in the processor's cache when each
  /// column comes for its field.
  /// - Parameter areWords: which columns hold words, where that is known; else those do that hold a word.
  func columns(
    _ names: [String], from first: Int, missing: MissingWords, areWords: [Bool]? = nil
  ) throws -> [Column] {
    let end = max(index.rowCount, first)
    var builders = names.indices.map {
      ColumnBuilder(self, $0, missing, rows: first..<end, isWords: areWords?[$0] ?? false)
    }
    for start in stride(from: first, to: end, by: 128) {
      let rows = start..<min(start + 128, end)
      for column in builders.indices { try builders[column].add(rows) }
    }
    return zip(names, builders).map { Column($0, $1.values) }
  }
}

/// The words for missing values as bytes.
struct MissingWords {
  private let words: [[UInt8]]
  private let longest: Int

  init(_ words: Set<String>) {
    self.words = words.map { Array($0.utf8) }
    longest = self.words.map(\.count).max() ?? 0
  }

  @inline(__always)
  func contains(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    if bytes.isEmpty { return true }
    guard bytes.count <= longest else { return false }
    return words.contains { $0.count == bytes.count && $0.elementsEqual(bytes) }
  }
}

/// Collects a column: numbers, until a field is neither a number nor missing.
private struct ColumnBuilder {
  let fields: CSVFields
  let column: Int
  let missing: MissingWords
  private let first: Int
  private var numbers: [Double] = []
  private var words: WordList?

  init(_ fields: CSVFields, _ column: Int, _ missing: MissingWords, rows: Range<Int>, isWords: Bool) {
    (self.fields, self.column, self.missing, first) = (fields, column, missing, rows.lowerBound)
    if isWords { words = WordList() } else { numbers.reserveCapacity(rows.count) }
  }

  var values: Column.Values { words.map { .words($0.codes, of: $0.words) } ?? .numbers(numbers) }

  mutating func add(_ rows: Range<Int>) throws {
    for row in rows {
      if words != nil {
        try addWord(row)
        continue
      }
      let (bytes, isQuoted) = fields.field(row, column)
      if let number = DecimalNumber.parse(bytes) {
        numbers.append(number)
      } else if bytes.isEmpty || !isQuoted && missing.contains(bytes) {
        numbers.append(.nan)
      } else {
        // Text after all, so that what looked like numbers was text, too.
        words = WordList()
        numbers = []
        for earlier in first...row { try addWord(earlier) }
      }
    }
  }

  private mutating func addWord(_ row: Int) throws {
    let (bytes, isQuoted) = fields.field(row, column)
    let isMissing = bytes.isEmpty || !isQuoted && missing.contains(bytes)
    if isMissing { words?.addMissing() } else { try words?.add(bytes) { try fields.text(row, column) } }
  }
}

/// Different words by the bytes of their fields, and each row's among them.
private struct WordList {
  private(set) var codes: [Int32] = []
  private(set) var words: [String] = []
  private var codesOfWords: [String: Int32] = [:]
  /// Open addressing by a hash of the field's bytes; -1 is free.
  private var slots = [Int32](repeating: -1, count: 64)
  /// Of each field that is in a slot: its bytes, and the code of its word.
  private var known: [(bytes: UnsafeBufferPointer<UInt8>, hash: UInt64, code: Int32)] = []

  mutating func addMissing() { codes.append(-1) }

  mutating func add(_ bytes: UnsafeBufferPointer<UInt8>, _ text: () throws -> String) throws {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    hash ^= hash >> 29
    var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
    while case let entry = Int(slots[slot]), entry >= 0 {
      if known[entry].hash == hash, known[entry].bytes.elementsEqual(bytes) { return codes.append(known[entry].code) }
      slot = (slot + 1) & (slots.count - 1)
    }
    let code = code(of: try text())
    slots[slot] = Int32(known.count)
    known.append((bytes, hash, code))
    codes.append(code)
    if known.count * 2 > slots.count { grow() }
  }

  /// Of a word that may have come before in other bytes, quoted say.
  private mutating func code(of word: String) -> Int32 {
    let key = word
    if let code = codesOfWords[key] { return code }
    codesOfWords[key] = Int32(words.count)
    words.append(word)
    return Int32(words.count - 1)
  }

  private mutating func grow() {
    slots = [Int32](repeating: -1, count: slots.count * 2)
    for (entry, field) in known.enumerated() {
      var slot = Int(truncatingIfNeeded: field.hash) & (slots.count - 1)
      while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
      slots[slot] = Int32(entry)
    }
  }
}
