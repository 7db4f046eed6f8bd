/// Makes features of the rows of tables with certain columns, by a preparation.
struct TableRows {
  private let preparation: TablePreparation
  private let path: String
  /// Where the columns stand in the table.
  private let numbers, words: [Int]
  /// By column of words, each word's feature among those of the column.
  private let places: [[String: Int]]
  private let target, identifier: Int?
  /// Of a row.
  let width: Int

  /// - Throws: `InputError` for a column that is missing.
  init(_ preparation: TablePreparation, columns names: [String], _ path: String) throws {
    (self.preparation, self.path) = (preparation, path)
    let known = Dictionary(names.enumerated().map { ($1, $0) }) { first, _ in first }
    func place(_ name: String) throws -> Int {
      guard let place = known[name] else { throw InputError(path, "has no column \(name.shown)") }
      return place
    }
    numbers = try preparation.numbers.map { try place($0.name) }
    words = try preparation.words.map { try place($0.name) }
    places = preparation.words.map { column in
      Dictionary(column.words.enumerated().map { ($1, $0) }) { first, _ in first }
    }
    (target, identifier) = (known[preparation.target], preparation.identifier.flatMap { known[$0] })
    width = numbers.count + preparation.words.reduce(0) { $0 + $1.words.count + 1 }
  }

  /// The features of some rows of a block, `[rows, features]`.
  /// - Throws: `InputError` with row and column for a word in place of a number or one that is not known, and for numbers
  ///   beyond float32.
  func features(of block: CSVTable.Block, _ rows: Range<Int>) throws -> [Float] {
    var result = [Float](repeating: 0, count: rows.count * width)
    for (index, feature) in preparation.numbers.enumerated() {
      let values = try Self.numbers(of: block.table.columns[numbers[index]], from: block.firstRow, path)
      for row in rows {
        let value = values[row]
        let number = Float(value.isNaN ? feature.missing : (value - feature.shift) / feature.scale)
        guard number.isFinite else {
          let place = "row \(block.firstRow + row), column \(feature.name.shown)"
          throw InputError(path, "\(place): \(value) is beyond what float32 holds")
        }
        result[(row - rows.lowerBound) * width + index] = number
      }
    }
    var start = numbers.count
    for (index, feature) in preparation.words.enumerated() {
      let column = block.table.columns[words[index]]
      try forEachPlace(of: column, rows, places[index], missing: feature.words.count, from: block.firstRow) {
        result[($0 - rows.lowerBound) * width + start + $1] = 1
      }
      start += feature.words.count + 1
    }
    return result
  }

  /// Gives each row with the feature that its word is.
  private func forEachPlace(
    of column: Column, _ rows: Range<Int>, _ places: [String: Int], missing: Int, from firstRow: Int,
    _ body: (_ row: Int, _ place: Int) -> Void
  ) throws {
    // Each different word is looked up once.
    var known: [Int32: Int] = [-1: missing]
    for row in rows {
      if case .words(let codes, _) = column.values, let place = known[codes[row]] {
        body(row, place)
        continue
      }
      let word = column.text(row)
      guard let place = word.map({ places[$0] }) ?? missing else {
        throw InputError(
          path,
          "row \(firstRow + row), column \(column.name.shown): \((word ?? "").shown) is none of the categories known")
      }
      if case .words(let codes, _) = column.values { known[codes[row]] = place }
      body(row, place)
    }
  }

  /// What is to be predicted for each row, prepared as the training needs it; nil where the table does not say it.
  func targets(of block: CSVTable.Block) throws -> [Float]? {
    guard let column = target.map({ block.table.columns[$0] }) else { return nil }
    let values = try Self.numbers(of: column, from: block.firstRow, path)
    if let row = values.firstIndex(where: { !Float($0).isFinite }) {
      let found = values[row].isNaN ? "nothing" : "\(values[row])"
      throw InputError(
        path,
        "row \(block.firstRow + row), column \(column.name.shown): expected a finite number to predict, found \(found)")
    }
    return values.map { Float(($0 - preparation.targetShift) / preparation.targetScale) }
  }

  /// The class of each row; nil where the table does not say it.
  func labels(of block: CSVTable.Block, _ classes: TableClasses) throws -> [Int32]? {
    try target.map { try classes.labels(block.table.columns[$0], from: block.firstRow, path) }
  }

  var hasTarget: Bool { target != nil }
  var hasIdentifiers: Bool { identifier != nil }

  /// Each row's name; nil where no column says it.
  func identifiers(of block: CSVTable.Block) -> [String]? {
    identifier.map { block.table.columns[$0] }.map { column in (0..<column.count).map { column.text($0) ?? "" } }
  }

  private static func numbers(of column: Column, from firstRow: Int, _ path: String) throws -> [Double] {
    if let numbers = column.numbers {
      if let row = numbers.firstIndex(where: \.isInfinite) {
        throw InputError(
          path, "row \(firstRow + row), column \(column.name.shown): \(numbers[row]) is no finite number")
      }
      return numbers
    }
    guard let word = column.firstWord(from: firstRow) else {
      return [Double](repeating: .nan, count: column.count)
    }
    throw InputError(
      path, "row \(word.row), column \(column.name.shown): expected a number, found \(word.value.shown)")
  }
}
