import HDF5Files

/// Writes a split of a table as its rows come, in any pieces.
final class TableSplitWriter {
  /// What each row says beside its features.
  enum Goals {
    /// Nothing: it is to be predicted.
    case none
    case numbers
    case classes
  }

  let name: String
  private let width: Int
  private let goals: Goals
  private let features: ArrayWriter<Float>
  private let targets: ArrayWriter<Float>?
  private let labels: ArrayWriter<Int32>?
  private let identifiers: TextWriter?

  /// - Parameters:
  ///   - width: features of a row.
  ///   - count: of rows that will come.
  ///   - identifierBytes: of the longest name of a row; nil where they have none.
  init(
    _ file: HDF5File, _ name: String, width: Int, count: Int, _ goals: Goals, identifierBytes: Int?,
    _ storage: ArrayStorage
  ) throws {
    (self.name, self.width, self.goals) = (name, width, goals)
    let rows = try storage.rows(rowBytes: width * MemoryLayout<Float>.stride, count: count, file.path)
    features = ArrayWriter(file, name, "features", rowShape: [width], count: count, chunkRows: rows, storage)
    targets =
      goals == .numbers
      ? ArrayWriter(file, name, "targets", rowShape: [1], count: count, chunkRows: rows, storage) : nil
    // The type that PyTorch's losses take.
    labels =
      goals == .classes
      ? ArrayWriter(file, name, "labels", rowShape: [], count: count, storedAs: .int64, chunkRows: rows, storage) : nil
    identifiers = try identifierBytes.map {
      try TextWriter(file, "/\(name)/ids", count: count, length: $0)
    }
  }

  /// Rows that have come.
  var count: Int { features.count }

  func append(features rows: [Float]) throws { try features.append(rows) }
  func append(targets rows: [Float]) throws { try targets?.append(rows) }
  func append(labels rows: [Int32]) throws { try labels?.append(rows) }
  func append(identifiers names: [String]) throws { try identifiers?.append(names) }

  /// Writes what is left; the digest of the split's rows where they have targets to predict or none.
  func finish() throws -> String? {
    let count = count
    let sum = try features.finish()
    try identifiers?.finish()
    if let labels {
      precondition(labels.count == count, "\(count) rows and \(labels.count) labels")
      _ = try labels.finish()
      return nil
    }
    precondition(targets?.count ?? count == count, "\(count) rows and \(targets?.count ?? 0) targets")
    return TableDataset.digest(count: count, width: width, features: sum, targets: try targets?.finish())
  }
}
