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

  /// Learns the preparation of `train` and, where there is one, `test` together: both share means and categories.
  ///
  /// - Throws: `InputError` for a target that is missing or no number (unless it is a class), words where nothing says what to do with them, and
  ///   columns without any value.
  public init(
    _ options: Options, train: (table: DataFrame, path: String), test: (table: DataFrame, path: String)? = nil
  ) throws {
    (target, identifier) = (options.target, options.identifier)
    let left = Set([options.target] + options.dropped + [options.identifier].compactMap { $0 })
    if let unknown = left.first(where: { train.table[$0] == nil }) {
      let known =
        train.table.names.prefix(12).map(\.shown).joined(separator: ", ")
        + (train.table.columns.count > 12 ? ", …" : "")
      throw InputError(train.path, "has no column \(unknown.shown); it has: \(known)")
    }
    let goals = options.isClassification ? [] : try Self.targets(options.target, of: train.table, train.path)
    let statistics = options.standardizesTarget ? ColumnStatistics(goals) : nil
    targetShift = statistics?.mean ?? 0
    targetScale = statistics.map { $0.deviation > 0 ? $0.deviation : 1 } ?? 1
    var (numbers, words): ([NumberColumn], [WordColumn]) = ([], [])
    for column in train.table.columns where !left.contains(column.name) {
      let other = try test.map { try Self.column(column.name, of: $0.table, $0.path) }
      if column.words == nil || column.missingCount == column.count && other?.words == nil {
        numbers.append(try Self.numberColumn(column, other, options, train.path, test?.path))
      } else {
        guard options.isOneHot else {
          throw InputError(
            train.path, "column \(column.name.shown) holds words: --one-hot makes numbers of them, --drop leaves it out"
          )
        }
        words.append(WordColumn(name: column.name, words: Self.vocabulary([column, other].compactMap { $0 })))
      }
    }
    (self.numbers, self.words) = (numbers, words)
    if featureNames.isEmpty { throw InputError(train.path, "has no column left that could be a feature") }
    try checkSize(rows: train.table.rowCount + (test?.table.rowCount ?? 0), train.path)
  }

  private static func column(_ name: String, of table: DataFrame, _ path: String) throws -> Column {
    guard let column = table[name] else { throw InputError(path, "has no column \(name.shown)") }
    return column
  }

  private static func numberColumn(
    _ column: Column, _ other: Column?, _ options: Options, _ path: String, _ otherPath: String?
  ) throws -> NumberColumn {
    let all = try numbers(of: column, path) + (other.map { try numbers(of: $0, otherPath ?? path) } ?? [])
    let statistics = ColumnStatistics(all)
    var missing = statistics.mean
    if case .constant(let constant) = options.filling { missing = constant }
    guard missing.isFinite || statistics.count == all.count else {
      throw InputError(path, "column \(column.name.shown) holds no value at all: --drop leaves it out")
    }
    guard options.standardizes else {
      return NumberColumn(name: column.name, shift: 0, scale: 1, missing: missing)
    }
    // A constant column tells nothing and becomes 0.
    let scale = statistics.deviation > 0 ? statistics.deviation : 1
    let shift = statistics.count > 0 ? statistics.mean : 0
    return NumberColumn(name: column.name, shift: shift, scale: scale, missing: (missing - shift) / scale)
  }

  private static func vocabulary(_ columns: [Column]) -> [String] {
    var words: Set<String> = []
    for column in columns {
      if case .words(let codes, let all) = column.values {
        words.formUnion(Set(codes).filter { $0 >= 0 }.map { all[Int($0)] })
      }
      // Words that look like numbers in one of two files.
      if column.numbers != nil { words.formUnion((0..<column.count).compactMap { column.text($0) }) }
    }
    return words.sorted(by: DataFrame.precedes)
  }

  /// One-hot columns of free text would fill any memory.
  private func checkSize(rows: Int, _ path: String) throws {
    let features = featureNames.count
    guard Double(features) * Double(rows) * 4 > Double(8 << 30) else { return }
    let widest = words.max { $0.words.count < $1.words.count }
    let hint = widest.map { ", \($0.words.count) of them from column \($0.name.shown)" } ?? ""
    throw InputError(path, "would have \(features) features\(hint): more than 8 GiB; --drop leaves columns out")
  }
}

/// Preparing rows.
extension TablePreparation {
  /// The features of each row, `[rows, features]` in row-major order.
  ///
  /// - Throws: `InputError` with row and column for what does not fit: a column that is missing, a word in place of a
  ///   number, a word that was not known when this preparation was made, an infinite number.
  public func features(of table: DataFrame, _ path: String) throws -> [Float] {
    let width = featureNames.count
    var result = [Float](repeating: 0, count: table.rowCount * width)
    for (index, feature) in numbers.enumerated() {
      let values = try Self.numbers(of: Self.column(feature.name, of: table, path), path)
      for (row, value) in values.enumerated() {
        let number = Float(value.isNaN ? feature.missing : (value - feature.shift) / feature.scale)
        guard number.isFinite else {
          throw InputError(path, "row \(row + 2), column \(feature.name.shown): \(value) is beyond what float32 holds")
        }
        result[row * width + index] = number
      }
    }
    var start = numbers.count
    for feature in words {
      let column = try Self.column(feature.name, of: table, path)
      let places = Dictionary(uniqueKeysWithValues: feature.words.enumerated().map { ($1, $0) })
      for row in 0..<table.rowCount {
        let word = column.text(row)
        guard let place = word.map({ places[$0] }) ?? feature.words.count else {
          throw InputError(
            path, "row \(row + 2), column \(feature.name.shown): \((word ?? "").shown) is none of the categories known")
        }
        result[row * width + start + place] = 1
      }
      start += feature.words.count + 1
    }
    return result
  }

  /// What is to be predicted for each row, prepared as the training needs it.
  public func preparedTargets(of table: DataFrame, _ path: String) throws -> [Float] {
    try Self.targets(target, of: table, path).map { Float(($0 - targetShift) / targetScale) }
  }

  /// Each row's name, where a column says it.
  public func identifiers(of table: DataFrame) -> [String]? {
    identifier.flatMap { table[$0] }.map { column in (0..<column.count).map { column.text($0) ?? "" } }
  }

  private static func targets(_ target: String, of table: DataFrame, _ path: String) throws -> [Double] {
    let values = try numbers(of: column(target, of: table, path), path)
    for (row, value) in values.enumerated() where !Float(value).isFinite {
      let found = value.isNaN ? "nothing" : "\(value)"
      throw InputError(
        path, "row \(row + 2), column \(target.shown): expected a finite number to predict, found \(found)")
    }
    return values
  }

  private static func numbers(of column: Column, _ path: String) throws -> [Double] {
    if let numbers = column.numbers {
      if let row = numbers.firstIndex(where: \.isInfinite) {
        throw InputError(path, "row \(row + 2), column \(column.name.shown): \(numbers[row]) is no finite number")
      }
      return numbers
    }
    let words = column.words ?? []
    guard
      let row = words.firstIndex(where: { word in
        word.map { Array($0.utf8).withUnsafeBufferPointer(DecimalNumber.parse) == nil } ?? false
      })
    else { return [Double](repeating: .nan, count: column.count) }
    throw InputError(
      path, "row \(row + 2), column \(column.name.shown): expected a number, found \((words[row] ?? "").shown)")
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
