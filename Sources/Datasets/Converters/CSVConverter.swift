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
  /// How arrays are kept.
  public var storage = ArrayStorage()
  /// Is told which share of the work is done.
  public var progress: @Sendable (Double) -> Void = { _ in }

  /// - Parameters:
  ///   - train: the path of a CSV file.
  ///   - test: that of a file with the same columns; the target may be left out there.
  ///   - options: what is done with the columns.
  public init(train: String, test: String? = nil, options: TablePreparation.Options) {
    (self.train, self.test, self.options) = (train, test, options)
  }

  /// Reads and checks everything, and writes the file at `output` as a whole. Goes through the tables three times: what their
  /// columns hold, what they have in common, and the rows.
  /// - Throws: `FileError` for missing inputs and an output that can't be written; `InputError` for bad data.
  public func convert(to output: String) throws -> Summary {
    let paths = [train] + (test.map { [$0] } ?? [])
    try AtomicFile.check(output, from: paths)
    let tables = try paths.map {
      try CSVTable($0, separator: separator, missing: missing, hasHeading: hasHeading)
    }
    let progress = try PassProgress(paths, passes: 3, progress)
    let found = try Found(tables, progress)
    var learner = try TableLearner(options, train: found.profiles[0], test: found.profiles.dropFirst().first)
    for (index, table) in tables.enumerated() {
      let rows = learner.rows(ofTest: index > 0)
      try table.forEachBlock(areWords: found.profiles[index].areWords, onStoredBytes: progress.add) {
        try learner.add($0, rows)
      }
    }
    let (preparation, classes) = (try learner.preparation(), try learner.tableClasses())
    try checkSize(preparation, found)
    let (_, byteCount) = try HDF5File.create(at: output) { file in
      var (digests, check) = ([(name: String, digest: String)](), UInt(0))
      for (index, table) in tables.enumerated() {
        let rows = try TableRows(preparation, columns: found.profiles[index].names, table.path)
        let writer = try TableSplitWriter(
          file, index == 0 ? "train" : "test", width: rows.width, count: found.profiles[index].rowCount,
          !rows.hasTarget ? .none : classes == nil ? .numbers : .classes,
          identifierBytes: rows.hasIdentifiers ? learner.identifierBytes : nil, storage)
        let note = { (bytes: UnsafeRawBufferPointer) in
          check = Checksum.continued(check, with: bytes)
          progress.add(bytes)
        }
        try table.forEachBlock(areWords: found.profiles[index].areWords, onStoredBytes: note) {
          try write($0, rows, classes, to: writer, most: found.profiles[index].rowCount, table)
        }
        guard writer.count == found.profiles[index].rowCount else { throw table.changed }
        if let digest = try writer.finish() { digests.append((writer.name, digest)) }
      }
      guard check == found.checksum else { throw tables[0].changed }
      try finish(file, digests, preparation, classes, sourceSHA256: found.digest)
    }
    return Summary(
      trainCount: found.profiles[0].rowCount, testCount: found.profiles.dropFirst().first?.rowCount ?? 0,
      featureNames: preparation.featureNames, targetName: options.target, classNames: classes?.names ?? [],
      byteCount: byteCount)
  }

  /// What the first pass found.
  private struct Found {
    private(set) var profiles: [TableProfile] = []
    let digest: String
    let checksum: UInt

    init(_ tables: [CSVTable], _ progress: PassProgress) throws {
      var (hash, sum) = (SHA256(), UInt(0))
      for table in tables {
        var profile = TableProfile(table.path, after: profiles.first)
        let note = { (bytes: UnsafeRawBufferPointer) in
          hash.update(bytes)
          sum = Checksum.continued(sum, with: bytes)
          progress.add(bytes)
        }
        try table.forEachBlock(onStoredBytes: note) { profile.add($0) }
        let names = profile.names
        if table.hasHeading && names.allSatisfy({ Double($0) != nil }) {
          throw InputError(
            table.path,
            "row 1: expected names of columns, found only numbers (\(names.prefix(5).joined(separator: ", "))): "
              + "--no-header where the first row is data")
        }
        if profile.rowCount == 0 { throw InputError(table.path, "has names of columns, but no row below them") }
        profiles.append(profile)
      }
      (digest, checksum) = (hash.hexadecimal, sum)
    }
  }

  /// One-hot columns of free text would fill any disk.
  private func checkSize(_ preparation: TablePreparation, _ found: Found) throws {
    let (features, rows) = (preparation.featureNames.count, found.profiles.reduce(0) { $0 + $1.rowCount })
    let sources = try ([train] + (test.map { [$0] } ?? [])).reduce(0.0) { $0 + Double(try InputFile($1).byteCount) }
    let bytes = Double(features) * Double(rows) * 4
    guard bytes > Double(8 << 30), bytes > 16 * sources else { return }
    let widest = preparation.words.max { $0.words.count < $1.words.count }
    let hint = widest.map { ", \($0.words.count) of them from column \($0.name.shown)" } ?? ""
    throw InputError(
      train,
      "would have \(features) features\(hint): \(Int(bytes / Double(1 << 30))) GiB; --drop leaves columns out")
  }

  /// Writes the rows of a block, so many at a time as don't fill the memory.
  private func write(
    _ block: CSVTable.Block, _ rows: TableRows, _ classes: TableClasses?, to writer: TableSplitWriter, most: Int,
    _ table: CSVTable
  ) throws {
    let count = block.table.rowCount
    guard count <= most - writer.count else { throw table.changed }
    let step = max(Self.pieceBytes / (rows.width * MemoryLayout<Float>.stride), 1)
    for start in stride(from: 0, to: count, by: step) {
      try writer.append(features: rows.features(of: block, start..<min(start + step, count)))
    }
    if let classes {
      if let labels = try rows.labels(of: block, classes) { try writer.append(labels: labels) }
    } else if let targets = try rows.targets(of: block) {
      try writer.append(targets: targets)
    }
    if let names = rows.identifiers(of: block) { try writer.append(identifiers: names) }
  }

  private static let pieceBytes = 4 << 20

  private func finish(
    _ file: HDF5File, _ digests: [(name: String, digest: String)], _ preparation: TablePreparation,
    _ classes: TableClasses?, sourceSHA256: String
  ) throws {
    let names = preparation.featureNames
    guard let classes else {
      return try TableFile.finish(
        file, digests, featureNames: names, targetName: options.target, preparation: preparation,
        sourceSHA256: sourceSHA256)
    }
    // Of the layout `table`, which `ArrayFile` reads.
    try DatasetFormat.finish(
      file, task: ClassificationFile.task, version: ArrayFile.formatVersion, sourceSHA256: sourceSHA256, []
    ) {
      try file.setAttribute("class_names", of: "/", to: .strings(classes.names))
      try TableFile.describe(file, featureNames: names, targetName: options.target, preparation)
    }
  }
}
