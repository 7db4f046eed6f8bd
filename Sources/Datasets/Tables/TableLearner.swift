/// Learns how tables are prepared, in two passes over their rows: a first one finds what each column holds and its mean, the
/// second deviations, categories and classes, where these are asked for. What it keeps does not grow with the rows.
struct TableLearner {
  private let options: TablePreparation.Options
  private let train: TableProfile
  private let test: TableProfile?
  /// The columns that become features, of numbers and of words.
  private let numbers, words: [String]
  private var squares: [Double]
  private var targetSquares = 0.0
  private var vocabularies: [Set<String>]
  private var vocabularyBytes = 0
  private var classes: Set<String> = []
  /// Bytes of the longest name of a row.
  private(set) var identifierBytes = 0

  /// Words of a column, or classes: each word is a feature.
  private static let mostWords = 1 << 16
  private static let mostVocabularyBytes = 64 << 20
  private static let mostIdentifierBytes = 4096

  /// - Throws: `InputError` for columns that are missing, numbers that are none, words where nothing says what to do with them,
  ///   and columns without any value.
  init(_ options: TablePreparation.Options, train: TableProfile, test: TableProfile?) throws {
    (self.options, self.train, self.test) = (options, train, test)
    let left = Set([options.target] + options.dropped + [options.identifier].compactMap { $0 })
    let names = Set(train.names)
    if let unknown = left.first(where: { !names.contains($0) }) {
      let known = train.names.prefix(12).map(\.shown).joined(separator: ", ") + (names.count > 12 ? ", …" : "")
      throw InputError(train.path, "has no column \(unknown.shown); it has: \(known)")
    }
    if !options.isClassification { try Self.checkTarget(options.target, train) }
    let others = Dictionary(uniqueKeysWithValues: (test?.columns ?? []).map { ($0.name, $0) })
    var (numbers, words) = ([String](), [String]())
    for column in train.columns where !left.contains(column.name) {
      let other = others[column.name]
      if let test, other == nil { throw InputError(test.path, "has no column \(column.name.shown)") }
      if column.word == nil {
        try Self.checkNumbers(column, train.path)
        if let test, let other { try Self.checkNumbers(other, test.path) }
        numbers.append(column.name)
      } else if options.isOneHot {
        words.append(column.name)
      } else {
        throw InputError(
          train.path, "column \(column.name.shown) holds words: --one-hot makes numbers of them, --drop leaves it out")
      }
    }
    (self.numbers, self.words) = (numbers, words)
    squares = [Double](repeating: 0, count: numbers.count)
    vocabularies = [Set<String>](repeating: [], count: words.count)
    if numbers.isEmpty && words.isEmpty {
      throw InputError(train.path, "has no column left that could be a feature")
    }
  }

  private static func checkNumbers(_ column: TableProfile.ColumnProfile, _ path: String) throws {
    let name = "column \(column.name.shown)"
    if let word = column.word {
      throw InputError(path, "row \(word.row), \(name): expected a number, found \(word.value.shown)")
    }
    if let place = column.infinite {
      throw InputError(path, "row \(place.row), \(name): \(place.value) is no finite number")
    }
  }

  private static func checkTarget(_ target: String, _ table: TableProfile) throws {
    guard let column = table[target] else { return }
    try checkNumbers(column, table.path)
    if let place = column.unfit {
      let expected = "expected a finite number to predict"
      throw InputError(
        table.path, "row \(place.row), column \(target.shown): \(expected), found \(place.value)")
    }
  }

  // MARK: The second pass

  /// A table's rows in the second pass.
  struct Rows {
    fileprivate let isTest: Bool
    fileprivate let numbers, words: [Int]
    fileprivate let means: [Double]
    fileprivate let target, identifier: Int?
  }

  func rows(ofTest isTest: Bool) -> Rows {
    let table = isTest ? test ?? train : train
    let places = Dictionary(uniqueKeysWithValues: table.names.enumerated().map { ($1, $0) })
    let means = options.standardizes ? numbers.map { sums($0).mean } : []
    return Rows(
      isTest: isTest, numbers: numbers.compactMap { places[$0] }, words: words.compactMap { places[$0] },
      means: means, target: places[options.target], identifier: options.identifier.flatMap { places[$0] })
  }

  /// Numbers of both tables together.
  private func sums(_ name: String) -> ColumnSums { (test ?? train)[name]?.sums ?? ColumnSums() }

  mutating func add(_ block: CSVTable.Block, _ rows: Rows) throws {
    let (columns, path) = (block.table.columns, rows.isTest ? test?.path ?? train.path : train.path)
    for (index, mean) in rows.means.enumerated() {
      ColumnSums.add(columns[rows.numbers[index]].numbers ?? [], around: mean, to: &squares[index])
    }
    for (index, place) in rows.words.enumerated() { try add(columns[place], toVocabulary: index) }
    if let place = rows.target, !rows.isTest {
      if options.isClassification {
        try TableClasses.add(columns[place], from: block.firstRow, path, to: &classes)
      } else if options.standardizesTarget {
        let mean = train[options.target]?.sums.mean ?? 0
        ColumnSums.add(columns[place].numbers ?? [], around: mean, to: &targetSquares)
      }
    }
    if let place = rows.identifier { try measure(columns[place], from: block.firstRow, path) }
  }

  private mutating func add(_ column: Column, toVocabulary index: Int) throws {
    // Words that look like numbers in one of two files are words all the same.
    let found =
      column.numbers == nil ? column.usedWords : Set((0..<column.count).compactMap { column.text($0) })
    for word in found where vocabularies[index].insert(word).inserted { vocabularyBytes += word.utf8.count }
    let advice = "too many for a feature each: --drop leaves it out"
    guard vocabularies[index].count <= Self.mostWords else {
      throw InputError(
        train.path, "column \(column.name.shown) holds more than \(Self.mostWords) different words, \(advice)")
    }
    guard vocabularyBytes <= Self.mostVocabularyBytes else {
      throw InputError(
        train.path,
        "column \(column.name.shown) and those before it hold different words of more than "
          + "\(Self.mostVocabularyBytes >> 20) MB, \(advice)")
    }
  }

  private mutating func measure(_ column: Column, from firstRow: Int, _ path: String) throws {
    for row in 0..<column.count {
      let bytes = column.text(row)?.utf8.count ?? 0
      guard bytes <= Self.mostIdentifierBytes else {
        throw InputError(
          path,
          "row \(firstRow + row), column \(column.name.shown): a name of \(bytes) bytes, more than \(Self.mostIdentifierBytes)"
        )
      }
      identifierBytes = max(identifierBytes, bytes)
    }
  }

  // MARK: What has been learnt

  func tableClasses() throws -> TableClasses? {
    guard options.isClassification, let column = train[options.target] else { return nil }
    return try TableClasses(classes, of: column, train.path)
  }

  func preparation() throws -> TablePreparation {
    let sums = train[options.target]?.sums ?? ColumnSums()
    let deviation = sums.deviation(targetSquares)
    let isScaled = options.standardizesTarget && !options.isClassification
    return TablePreparation(
      target: options.target, identifier: options.identifier, targetShift: isScaled ? sums.mean : 0,
      targetScale: isScaled && deviation > 0 ? deviation : 1, numbers: try numbers.indices.map(numberColumn),
      words: words.indices.map {
        TablePreparation.WordColumn(name: words[$0], words: vocabularies[$0].sorted(by: DataFrame.precedes))
      })
  }

  private func numberColumn(_ index: Int) throws -> TablePreparation.NumberColumn {
    let (name, sums) = (numbers[index], sums(numbers[index]))
    var missing = sums.mean
    if case .constant(let constant) = options.filling { missing = constant }
    guard missing.isFinite || sums.count == train.rowCount + (test?.rowCount ?? 0) else {
      throw InputError(train.path, "column \(name.shown) holds no value at all: --drop leaves it out")
    }
    guard options.standardizes else { return .init(name: name, shift: 0, scale: 1, missing: missing) }
    // A constant column tells nothing and becomes 0.
    let deviation = sums.deviation(squares[index])
    let (shift, scale) = (sums.count > 0 ? sums.mean : 0, deviation > 0 ? deviation : 1)
    return .init(name: name, shift: shift, scale: scale, missing: (missing - shift) / scale)
  }
}
