/// Of numbers that come in pieces: what their mean is made of, in the order in which they come.
struct ColumnSums: Equatable {
  /// Those that are there.
  private(set) var count = 0
  private(set) var sum = 0.0
  private var (least, greatest) = (Double.infinity, -Double.infinity)

  mutating func add(_ numbers: [Double]) {
    for number in numbers where !number.isNaN {
      count += 1
      sum += number
      (least, greatest) = (min(least, number), max(greatest, number))
    }
  }

  var isConstant: Bool { least == greatest }
  /// NaN without numbers; exact for equal ones, whose sum may not be.
  var mean: Double { isConstant ? least : sum / Double(count) }

  /// Of a sample, divided by n - 1; 0 for one number or none, and where all are the same.
  /// - Parameter squares: the sum of the numbers' squared distances from the mean.
  func deviation(_ squares: Double) -> Double {
    count < 2 || isConstant ? 0 : (squares / Double(count - 1)).squareRoot()
  }

  /// What more numbers add to the squared distances from a mean.
  static func add(_ numbers: [Double], around mean: Double, to squares: inout Double) {
    for number in numbers where !number.isNaN { squares += (number - mean) * (number - mean) }
  }
}

/// What a first pass over all rows of a table finds: no more than a few numbers of each column.
struct TableProfile {
  /// A value that is not as a column's should be, and its row.
  struct Place {
    let row: Int
    let value: String
  }

  struct ColumnProfile {
    let name: String
    /// Of numbers, those of an earlier table included.
    var sums: ColumnSums
    /// The first that is neither a number nor missing: then all of the column are words.
    var word: Place?
    var infinite: Place?
    /// The first that float32 does not hold, be it missing.
    var unfit: Place?

    fileprivate mutating func add(_ column: Column, from firstRow: Int) {
      guard let numbers = column.numbers else {
        if word == nil { word = column.firstWord(from: firstRow) }
        return
      }
      guard word == nil else { return }
      sums.add(numbers)
      if infinite == nil, let row = numbers.firstIndex(where: \.isInfinite) {
        infinite = Place(row: firstRow + row, value: "\(numbers[row])")
      }
      if unfit == nil, let row = numbers.firstIndex(where: { !Float($0).isFinite }) {
        unfit = Place(row: firstRow + row, value: numbers[row].isNaN ? "nothing" : "\(numbers[row])")
      }
    }
  }

  let path: String
  private(set) var rowCount = 0
  private(set) var columns: [ColumnProfile] = []
  private let before: [String: ColumnSums]

  /// - Parameter earlier: a table whose numbers count as well.
  init(_ path: String, after earlier: TableProfile? = nil) {
    self.path = path
    before = Dictionary(uniqueKeysWithValues: (earlier?.columns ?? []).map { ($0.name, $0.sums) })
  }

  mutating func add(_ block: CSVTable.Block) {
    if columns.isEmpty {
      columns = block.table.names.map { ColumnProfile(name: $0, sums: before[$0] ?? ColumnSums()) }
    }
    rowCount += block.table.rowCount
    for (index, column) in block.table.columns.enumerated() { columns[index].add(column, from: block.firstRow) }
  }

  var names: [String] { columns.map(\.name) }
  /// Which columns hold words.
  var areWords: [Bool] { columns.map { $0.word != nil } }
  subscript(name: String) -> ColumnProfile? { columns.first { $0.name == name } }
}

extension Column {
  /// The first word that is no number; what only looks like one is another word where such a one is in the column.
  func firstWord(from firstRow: Int) -> TableProfile.Place? {
    guard case .words(let codes, let words) = values else { return nil }
    let isNumber = words.map { Array($0.utf8).withUnsafeBufferPointer(DecimalNumber.parse) != nil }
    return codes.firstIndex { $0 >= 0 && !isNumber[Int($0)] }.map {
      TableProfile.Place(row: firstRow + $0, value: words[Int(codes[$0])])
    }
  }
}
