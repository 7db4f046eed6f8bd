/// A column of a table: numbers or words, some of which may be missing.
public struct Column: Sendable, Equatable {
  /// The cells of a column: numbers, or words.
  public enum Values: Sendable, Equatable {
    /// NaN where missing.
    case numbers([Double])
    /// Each row's position among the different words, in the order in which they first appear; -1 where missing.
    case words([Int32], of: [String])
  }

  /// What the header calls it.
  public let name: String
  /// The cells, row by row.
  public var values: Values

  /// A column of that name.
  public init(_ name: String, _ values: Values) { (self.name, self.values) = (name, values) }
  /// A column of that name.
  public init(_ name: String, _ numbers: [Double]) { self.init(name, .numbers(numbers)) }

  /// Words, nil where missing.
  public init(_ name: String, words: [String?]) {
    var places: [String: Int32] = [:]
    var known: [String] = []
    let codes = words.map { word -> Int32 in
      guard let word else { return -1 }
      if let place = places[word] { return place }
      places[word] = Int32(known.count)
      known.append(word)
      return Int32(known.count - 1)
    }
    self.init(name, .words(codes, of: known))
  }

  /// Rows.
  public var count: Int {
    switch values {
    case .numbers(let numbers): numbers.count
    case .words(let codes, _): codes.count
    }
  }

  /// Rows without a value.
  public var missingCount: Int {
    switch values {
    case .numbers(let numbers): numbers.count { $0.isNaN }
    case .words(let codes, _): codes.count { $0 < 0 }
    }
  }

  /// The numbers; nil for a column of words.
  public var numbers: [Double]? {
    if case .numbers(let numbers) = values { numbers } else { nil }
  }

  /// The words, nil where missing; nil for a column of numbers.
  public var words: [String?]? {
    if case .words(let codes, let words) = values { codes.map { $0 < 0 ? nil : words[Int($0)] } } else { nil }
  }

  /// The different words that rows have; none of a column of numbers.
  var usedWords: Set<String> {
    guard case .words(let codes, let words) = values else { return [] }
    return Set(Set(codes).filter { $0 >= 0 }.map { words[Int($0)] })
  }

  /// A row's value as a CSV field; nil where missing.
  func text(_ row: Int) -> String? {
    switch values {
    case .numbers(let numbers):
      let number = numbers[row]
      if number.isNaN { return nil }
      return number.rounded() == number && abs(number) < 1e15 ? "\(Int(number))" : "\(number)"
    case .words(let codes, let words): return codes[row] < 0 ? nil : words[Int(codes[row])]
    }
  }
}

/// Rows of named columns in memory, as a data frame.
public struct DataFrame: Sendable, Equatable {
  /// From left to right, all of one length.
  public private(set) var columns: [Column]
  /// Rows, without the header.
  public let rowCount: Int

  /// - Throws: `InputError` for columns of unequal length and names that occur twice.
  public init(_ columns: [Column]) throws {
    rowCount = columns.first?.count ?? 0
    var seen: Set<String> = []
    for column in columns {
      guard column.count == rowCount else {
        throw InputError("table", "column \(column.name.shown) has \(column.count) rows, expected \(rowCount)")
      }
      guard seen.insert(column.name).inserted else {
        throw InputError("table", "two columns are named \(column.name.shown)")
      }
    }
    self.columns = columns
  }

  /// Of the columns, from left to right.
  public var names: [String] { columns.map(\.name) }

  /// The column of that name.
  public subscript(name: String) -> Column? { columns.first { $0.name == name } }

  /// The column of that name, or an error that lists those there are.
  public func column(_ name: String) throws -> Column {
    guard let column = self[name] else {
      let known = names.prefix(20).map(\.shown).joined(separator: ", ") + (names.count > 20 ? ", …" : "")
      throw InputError("table", "has no column \(name.shown); it has: \(known)")
    }
    return column
  }

  /// Some columns, in the order asked for.
  public func selecting(_ names: [String]) throws -> DataFrame { try DataFrame(names.map(column)) }

  /// Columns by position.
  public func selecting(_ positions: Range<Int>) throws -> DataFrame {
    guard positions.lowerBound >= 0, positions.upperBound <= columns.count else {
      throw InputError("table", "columns \(positions) are outside of its \(columns.count)")
    }
    return try DataFrame(Array(columns[positions]))
  }

  /// All columns but these.
  public func dropping(_ names: [String]) throws -> DataFrame {
    for name in names { _ = try column(name) }
    return try DataFrame(columns.filter { !names.contains($0.name) })
  }

  /// Rows by position.
  public func rows(_ range: Range<Int>) throws -> DataFrame {
    guard range.lowerBound >= 0, range.upperBound <= rowCount else {
      throw InputError("table", "rows \(range) are outside of its \(rowCount)")
    }
    return try DataFrame(
      columns.map { column in
        switch column.values {
        case .numbers(let numbers): Column(column.name, Array(numbers[range]))
        case .words(let codes, let words): Column(column.name, .words(Array(codes[range]), of: words))
        }
      })
  }

  /// The rows of `other`, which has the same columns in any order, below these.
  ///
  /// A column that holds numbers in one table and words in the other becomes words, unless all of one side is missing.
  public func concatenated(with other: DataFrame) throws -> DataFrame {
    if let lacking = names.first(where: { other[$0] == nil }) ?? other.names.first(where: { self[$0] == nil }) {
      throw InputError("table", "column \(lacking.shown) is in one of both tables only")
    }
    return try DataFrame(columns.map { DataFrame.joined($0, try other.column($0.name)) })
  }

  private static func joined(_ first: Column, _ second: Column) -> Column {
    if let head = first.numbers, let tail = second.numbers { return Column(first.name, head + tail) }
    func words(_ column: Column) -> [String?] { column.words ?? (0..<column.count).map { column.text($0) } }
    return Column(first.name, words: words(first) + words(second))
  }

  /// Without the column that has the most missing values, the first one of several; unchanged where none is missing.
  public func droppingColumnWithMostMissing() throws -> DataFrame {
    let most = columns.map(\.missingCount).max() ?? 0
    guard most > 0, let column = columns.first(where: { $0.missingCount == most }) else { return self }
    return try dropping([column.name])
  }
}
