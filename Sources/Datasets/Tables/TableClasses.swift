/// The classes that a column of words or whole numbers names: words in the order of their code points, as scikit-learn sorts
/// them, numbers by their size.
public struct TableClasses: Sendable, Equatable {
  /// By label.
  public let names: [String]

  /// - Throws: `InputError` with the row of what is no class, and for a column that tells nothing apart.
  init(_ column: Column, _ path: String) throws {
    let words = try Self.words(column, path)
    var found = Set(words).sorted(by: DataFrame.precedes)
    if column.numbers != nil { found.sort { (Int($0) ?? 0) < (Int($1) ?? 0) } }
    guard found.count >= 2 else {
      throw InputError(path, "column \(column.name.shown): every row is of the class \((found.first ?? "").shown)")
    }
    guard found.count <= ArrayFile.mostClasses else {
      throw InputError(
        path, "column \(column.name.shown): has \(found.count) classes, more than \(ArrayFile.mostClasses)")
    }
    names = found
  }

  /// The label of each row.
  func labels(_ column: Column, _ path: String) throws -> [Int64] {
    let places = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, Int64($0)) })
    return try Self.words(column, path).enumerated().map { row, word in
      guard let place = places[word] else {
        throw InputError(
          path, "row \(row + 2), column \(column.name.shown): \(word.shown) is no class of the training rows")
      }
      return place
    }
  }

  private static func words(_ column: Column, _ path: String) throws -> [String] {
    try (0..<column.count).map { row in
      let text = column.text(row)
      guard let text, column.numbers == nil || Int(text) != nil else {
        let place = "row \(row + 2), column \(column.name.shown)"
        throw InputError(path, "\(place): expected a word or a whole number for a class, found \(text ?? "nothing")")
      }
      return text
    }
  }
}
