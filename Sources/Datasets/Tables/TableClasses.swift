/// The classes that a column of words or whole numbers names: words in the order of their code points, as scikit-learn sorts
/// them, numbers by their size.
public struct TableClasses: Sendable, Equatable {
  /// By label.
  public let names: [String]
  private let places: [String: Int32]

  /// The classes that `add` found.
  /// - Throws: `InputError` for a column that tells nothing apart.
  init(_ found: Set<String>, of column: TableProfile.ColumnProfile, _ path: String) throws {
    guard found.count >= 2 else {
      throw InputError(path, "column \(column.name.shown): every row is of the class \((found.first ?? "").shown)")
    }
    var names = found.sorted(by: DataFrame.precedes)
    if column.word == nil { names.sort { (Int($0) ?? 0) < (Int($1) ?? 0) } }
    self.names = names
    places = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, Int32($0)) })
  }

  /// Adds the classes of some rows.
  /// - Throws: `InputError` with the row of what is no class, and for more classes than a network has outputs.
  static func add(_ column: Column, from firstRow: Int, _ path: String, to found: inout Set<String>) throws {
    try forEachClass(column, from: firstRow, path) { found.insert($0) }
    guard found.count <= ArrayFile.mostClasses else {
      throw InputError(path, "column \(column.name.shown): has more than \(ArrayFile.mostClasses) classes")
    }
  }

  /// The label of each row.
  func labels(_ column: Column, from firstRow: Int, _ path: String) throws -> [Int32] {
    try Self.forEachClass(column, from: firstRow, path) { _ in }
    func label(_ row: Int) throws -> Int32 {
      let word = column.text(row) ?? ""
      if let label = places[word] { return label }
      throw InputError(
        path, "row \(firstRow + row), column \(column.name.shown): \(word.shown) is no class of the training rows")
    }
    switch column.values {
    case .words(let codes, let words):
      let labels = words.map { places[$0] }
      return try codes.indices.map { row in try labels[Int(codes[row])] ?? label(row) }
    case .numbers(let numbers):
      var known: [Double: Int32] = [:]
      return try numbers.indices.map { row in
        if let label = known[numbers[row]] { return label }
        let found = try label(row)
        known[numbers[row]] = found
        return found
      }
    }
  }

  /// Each of the different classes of some rows, once.
  private static func forEachClass(
    _ column: Column, from firstRow: Int, _ path: String, _ body: (String) -> Void
  ) throws {
    func fault(_ row: Int, _ found: String) -> InputError {
      let place = "row \(firstRow + row), column \(column.name.shown)"
      return InputError(path, "\(place): expected a word or a whole number for a class, found \(found)")
    }
    switch column.values {
    case .words(let codes, _):
      if let row = codes.firstIndex(where: { $0 < 0 }) { throw fault(row, "nothing") }
      for word in column.usedWords { body(word) }
    case .numbers(let numbers):
      var seen: Set<Double> = []
      for (row, number) in numbers.enumerated() where seen.insert(number).inserted {
        guard let text = column.text(row) else { throw fault(row, "nothing") }
        guard Int(text) != nil else { throw fault(row, text) }
        body(text)
      }
    }
  }
}
