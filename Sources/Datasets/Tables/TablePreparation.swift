import Foundation
import HDF5Files

/// How a raw table became features: kept in data sets and checkpoints, so that new rows can be prepared alike and a
/// prediction be told in the target's own unit.
public struct TablePreparation: Codable, Sendable, Equatable {
  /// What is to be done with a table.
  public struct Options: Sendable {
    /// The column to predict.
    public var target: String
    /// A column that names the rows; it is no feature.
    public var identifier: String?
    /// Columns that are left out.
    public var dropped: [String] = []
    /// Whether features get mean 0 and standard deviation 1.
    public var standardizes = false
    /// Whether columns of words become columns of 0 and 1, one for missing values included.
    public var isOneHot = false
    /// Whether the target, too, is brought to mean 0 and deviation 1.
    public var standardizesTarget = false
    /// Whether the target's words or whole numbers are classes.
    public var isClassification = false
    /// What stands in for missing numbers, before they are standardised.
    public var filling = Filling.mean

    /// Features as they are, until told otherwise.
    public init(target: String) { self.target = target }
  }

  /// A feature from a column of numbers: `(x - shift) / scale`, or `missing`.
  struct NumberColumn: Codable, Equatable {
    let name: String
    let shift, scale, missing: Double
  }
  /// A feature per word and one for missing values.
  struct WordColumn: Codable, Equatable {
    let name: String
    let words: [String]
  }

  /// The column that is predicted.
  public let target: String
  /// The column that names the rows; nil where none does.
  public let identifier: String?
  /// Predictions times the scale plus the shift are in the target's own unit.
  public let targetShift, targetScale: Double
  let numbers: [NumberColumn]
  let words: [WordColumn]

  /// The features that come out, from left to right.
  public var featureNames: [String] {
    numbers.map(\.name) + words.flatMap { column in (column.words + ["nan"]).map { "\(column.name)_\($0)" } }
  }

  init(
    target: String, identifier: String?, targetShift: Double, targetScale: Double, numbers: [NumberColumn],
    words: [WordColumn]
  ) {
    (self.target, self.identifier) = (target, identifier)
    (self.targetShift, self.targetScale) = (targetShift, targetScale)
    (self.numbers, self.words) = (numbers, words)
  }
}

/// Preparing rows.
extension TablePreparation {
  /// The features of each row, `[rows, features]` in row-major order.
  ///
  /// - Throws: `InputError` with row and column for what does not fit: a column that is missing, a word in place of a
  ///   number, a word that was not known when this preparation was made, an infinite number.
  public func features(of table: DataFrame, _ path: String) throws -> [Float] {
    let rows = try TableRows(self, columns: table.names, path)
    return try rows.features(of: CSVTable.Block(table: table, firstRow: 2), 0..<table.rowCount)
  }

  /// Each row's name, where a column says it.
  public func identifiers(of table: DataFrame) -> [String]? {
    identifier.flatMap { table[$0] }.map { column in (0..<column.count).map { column.text($0) ?? "" } }
  }
}

/// As JSON, for attributes and checkpoints.
extension TablePreparation {
  /// As JSON with sorted keys: the same preparation is the same text.
  public func json() throws -> String { try stableJSON() }

  /// Reads what `json()` wrote; an `InputError` names `path` where it can't.
  public init(json: String, path: String) throws {
    do {
      self = try JSONDecoder().decode(TablePreparation.self, from: Foundation.Data(json.utf8))
    } catch {
      throw InputError(path, "its preparation of columns can't be read")
    }
  }
}
