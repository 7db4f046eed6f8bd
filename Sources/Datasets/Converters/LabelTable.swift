import HDF5Files

/// A CSV file of images' labels: a first row of headings, then `id,label`, where the id is a file's name with or without
/// its ending. Fields may stand in double quotes (RFC 4180); further columns are passed over.
struct LabelTable {
  struct Row {
    let line: Int
    let id: String
    let label: String
  }

  let path: String
  let rows: [Row]
  /// What stands above the ids; nil for a first row that is no row.
  let heading: String?

  /// - Throws: `FileError` when the file is missing; `InputError` with the line of what is no row of labels.
  init(_ path: String, onStoredBytes: ([UInt8]) -> Void) throws {
    let bytes = try InputFile.bytes(of: path)
    onStoredBytes(bytes)
    guard let text = String(validating: bytes, as: UTF8.self) else { throw InputError(path, "is no UTF-8 text") }
    self.path = path
    var rows: [Row] = []
    // (Swift takes \r\n for one character, a newline.)
    let lines = text.drop { $0 == "\u{FEFF}" }.split(omittingEmptySubsequences: false) { $0.isNewline }
    for (index, line) in lines.enumerated() where index > 0 && !line.allSatisfy(\.isWhitespace) {
      let fields = try Self.fields(line, index + 1, path)
      guard fields.count >= 2, !fields[0].isEmpty, !fields[1].isEmpty else {
        throw InputError(path, "line \(index + 1): expected id,label, found \"\(line)\"")
      }
      rows.append(Row(line: index + 1, id: fields[0], label: fields[1]))
    }
    heading = try? lines.first.map { try Self.fields($0, 1, path) }?.first
    guard !rows.isEmpty else { throw InputError(path, "holds no labels: expected a row of headings, then id,label") }
    self.rows = rows
  }

  private static func fields(_ line: Substring, _ number: Int, _ path: String) throws -> [String] {
    var (fields, field, isQuoted, wasQuote) = ([String](), "", false, false)
    for character in line {
      switch character {
      case "\"":
        // The second of two quotes within quotes is one.
        if !isQuoted && wasQuote { field.append(character) }
        (isQuoted, wasQuote) = (!isQuoted, isQuoted)
        continue
      case "," where !isQuoted:
        fields.append(field)
        field = ""
      default: field.append(character)
      }
      wasQuote = false
    }
    if isQuoted { throw InputError(path, "line \(number): a quote that does not end") }
    return (fields + [field]).map { $0.trimmingSpaces }
  }
}

extension String {
  fileprivate var trimmingSpaces: String {
    let start = drop { $0 == " " || $0 == "\t" }
    return String(start.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
  }
}
