import HDF5Files

/// A dataset of numbers in an HDF5 file, by layout:
/// - arrays (`task`: `arrays`): `/train/inputs` any numbers `[n, …]`; `/train/targets` integers `[n]` are classes, floating-point
///   numbers `[n, …]` are to be predicted, none at all can only be predicted from; `/train/weights` `[n]` where some samples
///   count more than others;
/// - tables with classes (`task`: `classification`): `/train/features` `[n, d]` and `/train/labels` integers `[n]`;
/// - images of floats (`task`: `classification`): `/train/images` float16, float32 or float64 `[n, channels, height, width]` and
///   `/train/labels`.
///
/// The same under `/test`. Root attributes: `class_names`, and of tables `feature_names`, `target_name`, `preparation`.
public final class ArrayFile: Sendable {
  /// Where what lies in such a file.
  public enum Layout: Sendable {
    /// Of any shape.
    case arrays
    /// Rows of a table.
    case table
    /// Images whose pixels are no bytes.
    case images
    /// Rows of a table and a number to predict for each, as `TableFile` has them.
    case regression

    var inputs: String {
      switch self {
      case .arrays: "inputs"
      case .table, .regression: "features"
      case .images: "images"
      }
    }
    var targets: String { self == .arrays || self == .regression ? "targets" : "labels" }
    var names: String { self == .images ? "names" : "ids" }
  }

  /// What is to be learnt.
  public enum Outputs: Sendable, Equatable {
    /// To tell so many classes apart.
    case classes(Int)
    /// So many numbers for each sample.
    case numbers(Int)
    /// Nothing: there are no targets.
    case unknown
  }

  /// The attribute `task` of a file of arrays.
  public static let task = "arrays"
  /// The version of the layouts.
  static let formatVersion: Int64 = 1
  /// A network has an output for each.
  static let mostClasses = 1 << 16

  /// Where the file lies.
  public let path: String
  /// Where what lies in it.
  public let layout: Layout
  /// The names of the splits: "train" first, "test" next, others in alphabetical order.
  public let splitNames: [String]
  /// Of one sample.
  public let inputShape: [Int]
  /// What there is to learn.
  public let outputs: Outputs
  /// The classes by their number; empty where there are none.
  public let classNames: [String]
  /// Of a table, where the file says so.
  public let featureNames: [String]?
  /// What is predicted, where the file says so.
  public let targetName: String?
  /// How a raw table was prepared, where Lockstep did that.
  public let preparation: TablePreparation?
  private let file: HDF5File
  private let headers: [String: ArrayHeader]

  /// Opens the dataset at `path` and checks all of it but inputs and numbers to predict; nil for a file that has none of these
  /// layouts.
  /// - Throws: `HDF5Error` for a file that is missing, no HDF5 or damaged; `InputError` for what does not fit its layout.
  public static func open(_ path: String) throws -> ArrayFile? {
    let file = try HDF5File.open(path)
    return try layout(of: file).map { try ArrayFile(file, $0) }
  }

  private init(_ file: HDF5File, _ layout: Layout) throws {
    (self.file, self.layout, path) = (file, layout, file.path)
    if layout != .arrays { try DatasetFormat.check(file, task: ClassificationFile.task, version: Self.formatVersion) }
    splitNames = try Self.splits(of: file, layout.inputs)
    guard let first = splitNames.first else { throw InputError(path, "holds no split: neither /train nor /test") }
    var headers: [String: ArrayHeader] = [:]
    for name in splitNames { headers[name] = try ArrayHeader(file, "/\(name)/\(layout.inputs)") }
    inputShape = headers[first]?.rowShape ?? []
    let rank = layout == .table ? 1 : layout == .images ? 3 : inputShape.count
    for name in splitNames where headers[name]?.rowShape != inputShape || inputShape.count != rank {
      let found = headers[name]?.rowShape ?? []
      let wanted = inputShape.count == rank ? "samples of \(inputShape) as in the others" : "samples of \(rank) axes"
      throw InputError(path, "/\(name)/\(layout.inputs): expected \(wanted), found \(found)")
    }
    self.headers = headers
    let targets = try Targets(file, layout, headers, splitNames)
    classNames = try targets.classNames()
    outputs = targets.outputs(classNames.count)
    featureNames = try Self.featureNames(file, inputShape)
    targetName = try Self.text("target_name", file)
    preparation = try Self.text("preparation", file).map { try TablePreparation(json: $0, path: file.path) }
  }

  /// Samples of a split.
  public func count(_ name: String) throws -> Int { try header(name).count }

  /// How the inputs lie in the file.
  public func element(_ name: String) throws -> ArrayElement { try header(name).element }

  /// Whether the split says what is to be answered.
  public func isLabelled(_ name: String) -> Bool {
    headers[name] != nil && ((try? file.isDataset("/\(name)/\(layout.targets)")) ?? false)
  }

  /// The class of each sample; nil where there are no classes, or nobody knows them.
  public func labels(_ name: String) throws -> [Int32]? {
    guard case .classes(let count) = outputs, isLabelled(name) else { return nil }
    let rows = try ArrayRows(file, "/\(name)/\(layout.targets)")
    return try [Int32](unsafeUninitializedCapacity: rows.count) { buffer, filled in
      let labels = UnsafeMutableBufferPointer(rebasing: buffer[..<rows.count])
      try rows.readClasses(0..<rows.count, count, into: labels)
      filled = rows.count
    }
  }

  /// What the samples are called, where the file says so.
  public func names(_ name: String) throws -> [String]? {
    let (object, count) = ("/\(name)/\(layout.names)", try count(name))
    guard try file.isDataset(object) else { return nil }
    let names = try file.readStrings(object)
    guard names.count == count else {
      throw InputError(path, "\(object): expected \(count) names, one for each sample, found \(names.count)")
    }
    return names
  }

  /// The samples of the split `name`, read when they are needed. `shape` is that of one sample as a model takes it: as many
  /// numbers as in the file.
  /// - Throws: `InputError` when there is no such split. Numbers that are not finite are found when they are read.
  public func streamed(
    _ name: String, shape: [Int]? = nil, _ options: StreamingOptions = StreamingOptions(), isTraining: Bool = false
  ) throws -> Streamed {
    _ = try header(name)
    let arrays = try StreamedArrays(file, name, layout, shape: shape ?? inputShape, outputs)
    let rowBytes = arrays.layout.columns.reduce(0, +)
    let others = headers.filter { $0.key != name }.values.reduce(0) { $0 + $1.count * rowBytes }
    return try Streamed(arrays, options, isTraining: isTraining, beside: others)
  }

  private func header(_ name: String) throws -> ArrayHeader {
    guard let header = headers[name] else {
      throw InputError(path, "has no split \"\(name)\"; it has: \(splitNames.joined(separator: ", "))")
    }
    return header
  }
}

/// The checks of opening.
extension ArrayFile {
  private static func layout(of file: HDF5File) throws -> Layout? {
    try file.verifyText()
    switch try text("task", file) {
    case task:
      let format = try file.attribute("lockstep_format", of: "/")
      guard format == nil || format == .int(formatVersion) || format == .ints([formatVersion]) else {
        throw InputError(file.path, "lockstep_format: expected \(formatVersion), found \(format?.text ?? "nothing")")
      }
      return .arrays
    case ClassificationFile.task:
      if try !splits(of: file, Layout.table.inputs).isEmpty { return .table }
      guard let first = try splits(of: file, Layout.images.inputs).first else { return nil }
      return try file.elementType(of: "/\(first)/images").isFloat ? .images : nil
    default: return nil
    }
  }

  private static func text(_ name: String, _ file: HDF5File) throws -> String? {
    switch try file.attribute(name, of: "/") {
    case .string(let text): text
    case .strings(let texts) where texts.count == 1: texts[0]
    default: nil
    }
  }

  private static func splits(of file: HDF5File, _ inputs: String) throws -> [String] {
    let names = try file.names(in: "/").filter { try file.isGroup("/\($0)") && file.isDataset("/\($0)/\(inputs)") }
    let known = ["train", "test"].filter(names.contains)
    return known + names.filter { !known.contains($0) }
  }

  private static func featureNames(_ file: HDF5File, _ shape: [Int]) throws -> [String]? {
    guard let attribute = try file.attribute("feature_names", of: "/") else { return nil }
    guard case .strings(let names) = attribute, names.count == shape.reduce(1, *) else {
      throw InputError(file.path, "feature_names: expected \(shape.reduce(1, *)) names, one for each column")
    }
    return names
  }
}
