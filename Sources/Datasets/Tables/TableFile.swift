import HDF5Files

/// Rows of features and what is to be predicted for them, whole in memory.
public struct TableSplit: Sendable, Equatable {
  /// `[count, width]` in row-major order.
  public let features: [Float]
  /// `[count]`; nil for rows of which it is not known.
  public let targets: [Float]?
  /// Features of a row.
  public let width: Int
  /// Rows.
  public let count: Int
  /// What names the rows, such as the Id of a Kaggle competition.
  public let identifiers: [String]?

  /// `features` must hold whole rows, and `targets` and `identifiers` one value for each.
  public init(features: [Float], width: Int, targets: [Float]?, identifiers: [String]? = nil) {
    precondition(width > 0 && features.count % width == 0, "features are no whole rows")
    count = features.count / width
    precondition(targets?.count ?? count == count && identifiers?.count ?? count == count, "rows differ in number")
    (self.features, self.width, self.targets, self.identifiers) = (features, width, targets, identifiers)
  }
}

/// A dataset for regression in an HDF5 file, as `lockstep convert csv` writes it.
///
/// `/train/features` float32 `[n, features]`, `/train/targets` float32 `[n, 1]`, rows without a target under
/// `/test/features`; `/train/ids` and `/test/ids` where rows have names. Root attributes: `lockstep_format`, `task`
/// ("regression"), `feature_names`, `target_name`, and `preparation`, JSON that says how the raw columns became these.
public final class TableFile: Sendable {
  /// The `lockstep_format` of the files that this version writes.
  public static let formatVersion: Int64 = 1
  /// What the attribute `task` says of such a file.
  public static let task = "regression"

  /// Where the file lies.
  public let path: String
  /// The columns of the features, from left to right.
  public let featureNames: [String]
  /// What is predicted.
  public let targetName: String
  /// How the raw table was prepared, where Lockstep did that.
  public let preparation: TablePreparation?
  /// The splits that the file has: `train`, `test`.
  public let splitNames: [String]
  private let file: HDF5File
  private let features: [String: ArrayHeader]
  private let targets: [String: ArrayHeader]

  /// Opens the dataset at `path`. Its rows are read, and checked, when they are needed.
  /// - Throws: `HDF5Error` for a file that is missing, no HDF5 or damaged; `InputError` for one that is no such dataset.
  public convenience init(_ path: String) throws { try self.init(HDF5File.open(path)) }

  private init(_ file: HDF5File) throws {
    (self.file, path) = (file, file.path)
    try DatasetFormat.check(file, task: TableFile.task, version: TableFile.formatVersion)
    let found = try file.names(in: "/").filter { try file.isDataset("/\($0)/features") }
    splitNames = ["train", "test"].filter(found.contains) + found.filter { $0 != "train" && $0 != "test" }
    guard let first = splitNames.first else { throw InputError(path, "holds no split: neither /train nor /test") }
    var (features, targets) = ([String: ArrayHeader](), [String: ArrayHeader]())
    for name in splitNames {
      let header = try TableFile.features(file, name, as: features[first])
      features[name] = header
      targets[name] = try TableFile.targets(file, name, count: header.count)
    }
    (self.features, self.targets) = (features, targets)
    featureNames = try TableFile.featureNames(file, features[first]?.width ?? 0)
    if case .string(let name)? = try file.attribute("target_name", of: "/") {
      targetName = name
    } else {
      targetName = "target"
    }
    if case .string(let json)? = try file.attribute("preparation", of: "/") {
      preparation = try TablePreparation(json: json, path: file.path)
    } else {
      preparation = nil
    }
  }

  private static func features(_ file: HDF5File, _ name: String, as first: ArrayHeader?) throws -> ArrayHeader {
    let shape = try file.shape(of: "/\(name)/features")
    guard shape.count == 2, shape[1] > 0 else {
      throw InputError(file.path, "/\(name)/features: expected the shape [n, features], found \(shape)")
    }
    let header = try ArrayHeader(file, "/\(name)/features")
    if let width = first?.width, header.width != width {
      throw InputError(
        file.path, "/\(name)/features: has \(header.width) columns, expected \(width) as in the others")
    }
    return header
  }

  private static func targets(_ file: HDF5File, _ name: String, count: Int) throws -> ArrayHeader? {
    guard try file.isDataset("/\(name)/targets") else { return nil }
    let shape = try file.shape(of: "/\(name)/targets")
    guard shape == [count, 1] || shape == [count] else {
      throw InputError(file.path, "/\(name)/targets: expected the shape [\(count), 1], found \(shape)")
    }
    return try ArrayHeader(file, "/\(name)/targets")
  }

  private static func featureNames(_ file: HDF5File, _ width: Int) throws -> [String] {
    guard let attribute = try file.attribute("feature_names", of: "/") else { return (0..<width).map { "\($0)" } }
    guard case .strings(let names) = attribute, names.count == width else {
      throw InputError(file.path, "feature_names: expected \(width) names, one for each column")
    }
    return names
  }

  /// Rows of a split.
  /// - Throws: `InputError` when there is no such split.
  public func count(_ name: String) throws -> Int { try header(name).count }

  /// Whether the split says what is to be predicted.
  public func isLabelled(_ name: String) -> Bool { targets[name] != nil }

  private func header(_ name: String) throws -> ArrayHeader {
    guard let header = features[name] else {
      throw InputError(path, "has no split \"\(name)\"; it has: \(splitNames.joined(separator: ", "))")
    }
    return header
  }
}

/// Reading rows.
extension TableFile {
  /// A table of fewer bytes is copied from faster than its rows are looked up in chunks.
  private static let smallBytes = 1 << 20

  /// The split `name` as samples: of a small table in memory, else read when they are needed.
  /// - Throws: `InputError` when there is no such split, and for numbers that are not finite: in a small table at once, in others
  ///   when they are read.
  public func dataset(
    _ name: String, _ options: StreamingOptions = StreamingOptions(), isTraining: Bool = false
  ) throws -> any DigestedDataset {
    let header = try header(name)
    let rowBytes = (header.width + 1) * MemoryLayout<Float>.stride
    let counts = features.mapValues(\.count)
    let all = counts.values.reduce(0.0) { $0 + Double($1) } * Double(rowBytes)
    if all <= Double(min(Self.smallBytes, options.memory)), options.shuffling != .windowed {
      return TableDataset(try split(name))
    }
    let table = try StreamedArrays(file, name, .regression, shape: [header.width], .numbers(1))
    let others = (all - Double(header.count) * Double(rowBytes)).rounded()
    return try Streamed(table, options, isTraining: isTraining, beside: Int(exactly: others) ?? .max)
  }

  /// The split `name`, whole in memory.
  /// - Throws: `InputError` when there is none, and for numbers that are not finite.
  public func split(_ name: String) throws -> TableSplit {
    let width = try header(name).width
    return TableSplit(
      features: try finite("/\(name)/features", width), width: width,
      targets: isLabelled(name) ? try finite("/\(name)/targets", 1) : nil, identifiers: try identifiers(name))
  }

  /// What the rows are called, where the file says so.
  public func identifiers(_ name: String) throws -> [String]? {
    let (object, count) = ("/\(name)/ids", try count(name))
    guard try file.isDataset(object) else { return nil }
    let names = try file.readStrings(object)
    guard names.count == count else {
      throw InputError(path, "\(object): expected \(count) names of rows, found \(names.count)")
    }
    return names
  }

  private func finite(_ object: String, _ width: Int) throws -> [Float] {
    let values = try file.read(object, as: Float.self)
    if let place = values.firstIndex(where: { !$0.isFinite }) {
      throw InputError(
        path, "\(object): row \(place / width), column \(place % width): \(values[place]) is no finite number")
    }
    return values
  }
}

/// Writing such a dataset.
extension TableFile {
  /// The bytes of a dataset file, for `AtomicFile`.
  public static func encode(
    _ splits: [(name: String, split: TableSplit)], featureNames: [String], targetName: String,
    preparation: TablePreparation? = nil, sourceSHA256: String
  ) throws -> [UInt8] {
    let file = try HDF5File.inMemory()
    var digests: [(name: String, digest: String)] = []
    for (name, split) in splits {
      let writer = try TableSplitWriter(
        file, name, width: split.width, count: split.count, split.targets == nil ? .none : .numbers,
        identifierBytes: split.identifiers.map { $0.map(\.utf8.count).max() ?? 0 }, ArrayStorage())
      try writer.append(features: split.features)
      try writer.append(targets: split.targets ?? [])
      try writer.append(identifiers: split.identifiers ?? [])
      if let digest = try writer.finish() { digests.append((name, digest)) }
    }
    try finish(
      file, digests, featureNames: featureNames, targetName: targetName, preparation: preparation,
      sourceSHA256: sourceSHA256)
    return try file.image()
  }

  /// Adds what else belongs into a file whose rows are written.
  static func finish(
    _ file: HDF5File, _ digests: [(name: String, digest: String)], featureNames: [String], targetName: String,
    preparation: TablePreparation?, sourceSHA256: String
  ) throws {
    try DatasetFormat.finish(
      file, task: task, version: formatVersion, sourceSHA256: sourceSHA256, digests
    ) {
      try describe(file, featureNames: featureNames, targetName: targetName, preparation)
    }
  }

  /// What is said of the columns of any table.
  static func describe(
    _ file: HDF5File, featureNames: [String], targetName: String, _ preparation: TablePreparation?
  ) throws {
    try file.setAttribute("feature_names", of: "/", to: .strings(featureNames))
    try file.setAttribute("target_name", of: "/", to: .string(targetName))
    if let preparation { try file.setAttribute("preparation", of: "/", to: .string(preparation.json())) }
  }
}
