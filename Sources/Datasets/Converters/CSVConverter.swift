import HDF5Files

/// Turns tables in CSV files into an HDF5 file for regression, which `TableFile` reads, or for classification, which `ArrayFile`
/// does.
public struct CSVConverter: Sendable {
  /// What a conversion has written.
  public struct Summary: Sendable, Equatable {
    /// Rows of the splits.
    public let trainCount: Int
    /// 0 without a test file.
    public let testCount: Int
    /// The features, from left to right.
    public let featureNames: [String]
    /// What is predicted.
    public let targetName: String
    /// What is told apart; empty where a number is predicted.
    public var classNames: [String] = []
    /// Size in bytes of the file that was written.
    public let byteCount: Int
  }

  /// The file of the rows with a target.
  public let train: String
  /// A file of rows to predict; nil for none.
  public let test: String?
  /// What is done with the columns.
  public let options: TablePreparation.Options
  /// What stands between cells.
  public var separator: Character = ","
  /// Words that stand for no value.
  public var missing = DataFrame.missingWords
  /// Whether the first row names the columns; else they are called 0, 1, 2 …
  public var hasHeading = true

  /// - Parameters:
  ///   - train: the path of a CSV file.
  ///   - test: that of a file with the same columns; the target may be left out there.
  ///   - options: what is done with the columns.
  public init(train: String, test: String? = nil, options: TablePreparation.Options) {
    (self.train, self.test, self.options) = (train, test, options)
  }

  /// Reads and checks everything, then writes the file at `output` as a whole.
  /// - Throws: `FileError` for missing inputs and an output that can't be written; `InputError` for bad data.
  public func convert(to output: String) throws -> Summary {
    try AtomicFile.check(output, from: [train] + (test.map { [$0] } ?? []))
    var hash = SHA256()
    func read(_ path: String) throws -> Source {
      let bytes = try InputFile.bytes(of: path)
      bytes.withUnsafeBytes { hash.update($0) }
      let table = try DataFrame(csv: bytes, name: path, separator: separator, missing: missing, hasHeading: hasHeading)
      if hasHeading && table.names.allSatisfy({ Double($0) != nil }) {
        throw InputError(
          path,
          "row 1: expected names of columns, found only numbers (\(table.names.prefix(5).joined(separator: ", "))): "
            + "--no-header where the first row is data")
      }
      if table.rowCount == 0 { throw InputError(path, "has names of columns, but no row below them") }
      return (table, path)
    }
    let rows = try read(train)
    let others = try test.map(read)
    let preparation = try TablePreparation(options, train: rows, test: others)
    if options.isClassification {
      return try convert(rows, others, preparation, sourceSHA256: hash.hexadecimal, to: output)
    }
    var splits = [("train", try split(rows, preparation, needsTargets: true))]
    if let others { splits.append(("test", try split(others, preparation, needsTargets: false))) }
    let image = try TableFile.encode(
      splits.map { (name: $0, split: $1) }, featureNames: preparation.featureNames, targetName: options.target,
      preparation: preparation, sourceSHA256: hash.hexadecimal)
    try AtomicFile.write(image, to: output)
    return Summary(
      trainCount: rows.table.rowCount, testCount: others?.table.rowCount ?? 0,
      featureNames: preparation.featureNames, targetName: options.target, byteCount: image.count)
  }

  private typealias Source = (table: DataFrame, path: String)

  /// Rows with classes.
  private func convert(
    _ train: Source, _ test: Source?, _ preparation: TablePreparation, sourceSHA256: String, to output: String
  ) throws -> Summary {
    let target = options.target
    let classes = try TableClasses(train.table.column(target), train.path)
    func split(_ source: Source) throws -> ClassTable {
      ClassTable(
        features: try preparation.features(of: source.table, source.path),
        labels: try source.table[target].map { try classes.labels($0, source.path) },
        identifiers: preparation.identifiers(of: source.table))
    }
    let splits = try [("train", split(train))] + (test.map { [("test", try split($0))] } ?? [])
    let image = try ClassTable.encode(
      splits.map { (name: $0, rows: $1) }, classes.names, preparation, sourceSHA256: sourceSHA256)
    try AtomicFile.write(image, to: output)
    return Summary(
      trainCount: train.table.rowCount, testCount: test?.table.rowCount ?? 0, featureNames: preparation.featureNames,
      targetName: target, classNames: classes.names, byteCount: image.count)
  }

  private func split(
    _ source: Source, _ preparation: TablePreparation, needsTargets: Bool
  ) throws -> TableSplit {
    let hasTargets = needsTargets || source.table[preparation.target] != nil
    return TableSplit(
      features: try preparation.features(of: source.table, source.path), width: preparation.featureNames.count,
      targets: hasTargets ? try preparation.preparedTargets(of: source.table, source.path) : nil,
      identifiers: preparation.identifiers(of: source.table))
  }
}
