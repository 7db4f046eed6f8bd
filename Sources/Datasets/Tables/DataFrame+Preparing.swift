import Foundation
import Tensors

/// What to put where a number is missing.
public enum Filling: Sendable, Equatable {
  /// The mean of the column's numbers.
  case mean
  /// The same number everywhere.
  case constant(Double)
}

/// Making a table fit for learning, as pandas does it.
extension DataFrame {
  /// Missing numbers filled in; words stay, and so does a column without any number whose mean is asked for.
  public func fillMissing(_ filling: Filling) throws -> DataFrame {
    try mapNumbers { numbers in
      var value = 0.0
      switch filling {
      case .constant(let constant): value = constant
      case .mean: value = ColumnStatistics(numbers).mean
      }
      return numbers.map { $0.isNaN ? value : $0 }
    }
  }

  /// Numbers shifted and scaled to mean 0 and standard deviation 1 (of a sample: divided by n - 1); a constant column
  /// becomes 0. Missing numbers stay missing.
  public func standardized() throws -> DataFrame {
    try mapNumbers { numbers in
      let statistics = ColumnStatistics(numbers)
      return numbers.map(statistics.standardize)
    }
  }

  /// Each column of words as one column of 0 and 1 per word, named `Column_word` and in the order of their code points, behind
  /// all columns of numbers: pandas' `get_dummies`. With `missingAsCategory`, `Column_nan` is added to each.
  public func oneHot(missingAsCategory: Bool) throws -> DataFrame {
    var indicators: [Column] = []
    for column in columns {
      guard case .words(let codes, let words) = column.values else { continue }
      for word in column.usedWords.sorted(by: DataFrame.precedes) {
        let code = Int32(words.firstIndex(of: word) ?? -1)
        indicators.append(Column("\(column.name)_\(word)", codes.map { $0 == code ? 1 : 0 }))
      }
      if missingAsCategory { indicators.append(Column("\(column.name)_nan", codes.map { $0 < 0 ? 1 : 0 })) }
    }
    return try DataFrame(columns.filter { $0.numbers != nil } + indicators)
  }

  /// In order of code points, as Python compares strings.
  static func precedes(_ left: String, _ right: String) -> Bool { left.utf8.lexicographicallyPrecedes(right.utf8) }

  private func mapNumbers(_ change: ([Double]) -> [Double]) throws -> DataFrame {
    try DataFrame(columns.map { column in column.numbers.map { Column(column.name, change($0)) } ?? column })
  }

  /// All columns as `[rows, columns]`.
  /// - Throws: `InputError` for a column of words, by its name.
  public func tensor(_ dtype: DType = .float32) throws -> Tensor {
    let numbers = try columns.map { column -> [Double] in
      guard let numbers = column.numbers else {
        throw InputError("table", "column \(column.name.shown) holds words, not numbers: oneHot makes numbers of them")
      }
      return numbers
    }
    var elements: [Double] = []
    elements.reserveCapacity(rowCount * numbers.count)
    for row in 0..<rowCount { for column in numbers { elements.append(column[row]) } }
    return Tensor(elements, shape: [rowCount, numbers.count]).to(dtype)
  }

  /// The table as CSV (RFC 4180 with `\n`): missing values empty, quotes where a field needs them.
  public func csv() -> String {
    var lines = [names.map(DataFrame.quoted).joined(separator: ",")]
    for row in 0..<rowCount {
      let fields = columns.map { column -> String in
        guard let text = column.text(row) else { return "" }
        // A word that would be read as missing or as a number keeps its quotes.
        return column.numbers == nil && DataFrame.missingWords.contains(text) ? "\"\(text)\"" : DataFrame.quoted(text)
      }
      // A lone empty field would be an empty line, which readers pass over.
      lines.append(fields == [""] ? "\"\"" : fields.joined(separator: ","))
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func quoted(_ text: String) -> String {
    guard text.utf8.contains(where: { $0 == 0x22 || $0 == 0x2C || $0 == 0x0A || $0 == 0x0D }) else { return text }
    return "\"" + text.replacingOccurrences(of: "\"", with: "\"\"") + "\""
  }
}

/// Mean and standard deviation of the numbers of a column that are there.
struct ColumnStatistics {
  let count: Int
  /// NaN without numbers.
  let mean: Double
  /// Of a sample, divided by n - 1; 0 for one number or none, and where all are the same.
  let deviation: Double

  init(_ numbers: [Double]) {
    var (sums, squares) = (ColumnSums(), 0.0)
    sums.add(numbers)
    (count, mean) = (sums.count, sums.mean)
    ColumnSums.add(numbers, around: mean, to: &squares)
    deviation = sums.deviation(squares)
  }

  func standardize(_ number: Double) -> Double { (number - mean) / (deviation > 0 ? deviation : 1) }
}
