import HDF5Files

/// Turns NumPy arrays into an HDF5 file of arrays, which `ArrayFile` reads. Types stay: float16 is written as float16.
public struct NPYConverter: Sendable {
  /// What a conversion has written.
  public struct Summary: Sendable, Equatable {
    /// Samples of the splits.
    public let trainCount: Int
    /// 0 without a test split.
    public let testCount: Int
    /// Of one sample.
    public let inputShape: [Int]
    /// What there is to learn.
    public let outputs: ArrayFile.Outputs
    /// Size in bytes of the file that was written.
    public let byteCount: Int
  }

  /// The arrays of one split, by the paths of their files or the names of their members.
  public struct Split: Sendable, Equatable {
    /// `[n, …]`.
    public var inputs: String
    /// Integers `[n]` or `[n, 1]`: classes; floats `[n, …]`: numbers to predict; nil where nobody knows them.
    public var targets: String?
    /// `[n]`: how much each sample counts.
    public var weights: String?

    /// Inputs alone, or with what is to be learnt.
    public init(inputs: String, targets: String? = nil, weights: String? = nil) {
      (self.inputs, self.targets, self.weights) = (inputs, targets, weights)
    }
  }

  private let archive: String?
  private let splits: [(name: String, arrays: Split)]
  /// The classes by their number; nil names them by that.
  public var classNames: [String]?
  /// How arrays are kept.
  public var storage = ArrayStorage()
  /// Is told which share of the work is done.
  public var progress: @Sendable (Double) -> Void = { _ in }

  /// Arrays in files of their own, `.npy`.
  public init(train: Split, test: Split? = nil) {
    archive = nil
    splits = [("train", train)] + (test.map { [("test", $0)] } ?? [])
  }

  /// Arrays in one file, `.npz`, by the names of its members; nil finds them by the names that are in use: Keras'
  /// `x_train`, `y_train`, `x_test`, `y_test`, or `inputs` and `targets`, `X` and `y`, `data` and `labels`.
  /// - Throws: `InputError` where none of these are there.
  public init(archive: String, train: Split? = nil, test: Split? = nil) throws {
    self.archive = archive
    let isFound = train == nil
    let train = try train ?? Self.known(ZipArchive(archive), of: "train")
    let found = try isFound ? Self.found(ZipArchive(archive), of: "test") : test
    splits = [("train", train)] + (found.map { [("test", $0)] } ?? [])
  }

  private static let pairs = [("x", "y"), ("X", "y"), ("inputs", "targets"), ("data", "labels"), ("images", "labels")]

  private static func known(_ archive: ZipArchive, of split: String) throws -> Split {
    if let found = found(archive, of: split) { return found }
    let names = archive.members.prefix(12).map { Self.name($0) }.joined(separator: ", ")
    throw InputError(
      archive.path, "has none of x_train, X, inputs; --inputs and --targets say which of its arrays they are: \(names)")
  }

  private static func found(_ archive: ZipArchive, of split: String) -> Split? {
    let names = Set(archive.members.map { Self.name($0) })
    func first(_ name: String) -> String? {
      let spellings = ["\(name)_\(split)", "\(split)_\(name)"] + (split == "train" ? [name] : [])
      return spellings.first(where: names.contains)
    }
    for (inputs, targets) in pairs {
      guard let inputs = first(inputs) else { continue }
      return Split(inputs: inputs, targets: first(targets), weights: first("weights"))
    }
    return nil
  }

  private static func name(_ member: ZipArchive.Member) -> String {
    member.name.hasSuffix(".npy") ? String(member.name.dropLast(4)) : member.name
  }

  /// Reads and checks everything piece by piece, and writes the file at `output` as a whole.
  /// - Throws: `FileError` for missing inputs and an output that can't be written; `InputError` for bad data.
  public func convert(to output: String) throws -> Summary {
    let names = splits.flatMap { [$0.arrays.inputs, $0.arrays.targets, $0.arrays.weights].compactMap { $0 } }
    try AtomicFile.check(output, from: archive.map { [$0] } ?? names)
    let bytes = SourceBytes()
    let zip = try archive.map { try ZipArchive($0) }
    func open(_ name: String) throws -> NPYReader {
      guard let zip else { return try NPYReader(file: name, onBytes: bytes.add) }
      guard let member = zip.members.first(where: { Self.name($0) == name }) else {
        let known = zip.members.prefix(12).map { Self.name($0) }.joined(separator: ", ")
        throw InputError(zip.path, "has no array \(name.shown); it has: \(known)")
      }
      return try NPYReader(zip.open(member), byteCount: member.byteCount, onBytes: bytes.add)
    }
    let arrays = try splits.map { split in
      try Arrays(
        name: split.name, inputs: open(split.arrays.inputs), targets: split.arrays.targets.map(open),
        weights: split.arrays.weights.map(open))
    }
    let kind = try check(arrays)
    let total = arrays.flatMap(\.all).reduce(0.0) { $0 + Double($1.header.dataBytes) }
    bytes.report = { progress(min(Double($0) / max(total, 1), 1)) }
    let (outputs, byteCount) = try HDF5File.create(at: output) { file in
      var occurs = [Bool](repeating: false, count: ArrayFile.mostClasses)
      for split in arrays { try write(split, to: file, &occurs) }
      let outputs = try self.outputs(kind, arrays, occurs)
      try DatasetFormat.finish(
        file, task: ArrayFile.task, version: ArrayFile.formatVersion, sourceSHA256: bytes.hash.hexadecimal, []
      ) {
        if let classNames { try file.setAttribute("class_names", of: "/", to: .strings(classNames)) }
      }
      return outputs
    }
    return Summary(
      trainCount: arrays[0].inputs.count, testCount: arrays.dropFirst().reduce(0) { $0 + $1.inputs.count },
      inputShape: arrays[0].inputs.rowShape, outputs: outputs, byteCount: byteCount)
  }

  /// What passes through the readers of all arrays.
  private final class SourceBytes {
    var hash = SHA256()
    var report: (Int) -> Void = { _ in }
    private var done = 0

    func add(_ bytes: UnsafeRawBufferPointer) {
      hash.update(bytes)
      done += bytes.count
      report(done)
    }
  }

  /// A split whose headers are read.
  private struct Arrays {
    let name: String
    let inputs: NPYReader
    let targets, weights: NPYReader?

    var all: [NPYReader] { [inputs, targets, weights].compactMap { $0 } }
  }

  /// What the headers say of the targets; of classes not how many.
  private func check(_ splits: [Arrays]) throws -> ArrayFile.Outputs {
    let shape = splits[0].inputs.rowShape
    for split in splits {
      let inputs = split.inputs
      guard inputs.rowShape == shape, !shape.contains(0) else {
        throw InputError(inputs.path, "has samples of the shape \(inputs.rowShape), expected \(shape) without a 0")
      }
      for other in split.all.dropFirst() where other.count != inputs.count {
        throw InputError(other.path, "has \(other.count) rows, but \(inputs.path) has \(inputs.count)")
      }
      if let weights = split.weights, weights.rowWidth != 1 {
        throw InputError(weights.path, "expected one weight for each sample")
      }
    }
    return try outputs(of: splits.compactMap(\.targets))
  }

  private func outputs(of targets: [NPYReader]) throws -> ArrayFile.Outputs {
    guard let first = targets.first else { return .unknown }
    for other in targets where other.header.element.isInteger != first.header.element.isInteger {
      throw InputError(other.path, "holds \(other.header.element), but \(first.path) \(first.header.element)")
    }
    for other in targets where other.rowWidth != first.rowWidth || other.rowWidth == 0 {
      throw InputError(other.path, "has \(other.rowWidth) numbers in a row, expected \(max(first.rowWidth, 1))")
    }
    guard first.header.element.isInteger else { return .numbers(first.rowWidth) }
    guard first.rowWidth == 1 else {
      throw InputError(
        first.path,
        "integers are classes, one for each sample, but each row has the shape \(first.rowShape); numbers to "
          + "predict must be floats")
    }
    return .classes(0)
  }

  private func outputs(
    _ kind: ArrayFile.Outputs, _ splits: [Arrays], _ occurs: [Bool]
  ) throws -> ArrayFile.Outputs {
    guard case .classes = kind, let first = splits.lazy.compactMap(\.targets).first else { return kind }
    return .classes(try classNames?.count ?? ArrayFile.classCount(occurs, first.path))
  }
}

/// Writing the arrays of a split.
extension NPYConverter {
  /// - Parameter occurs: which classes there are.
  private func write(_ split: Arrays, to file: HDF5File, _ occurs: inout [Bool]) throws {
    let rows = try storage.rows(
      rowBytes: split.all.map(\.rowBytes).max() ?? 1, count: split.inputs.count, file.path)
    try write(split.inputs, to: file, split.name, "inputs", rows, rowShape: split.inputs.rowShape)
    if let targets = split.targets {
      if targets.header.element.isInteger {
        try writeClasses(targets, to: file, split.name, rows, &occurs)
      } else {
        try write(targets, to: file, split.name, "targets", rows, rowShape: targets.rowShape)
      }
    }
    guard let weights = split.weights else { return }
    var sum = 0.0
    // In memory they are not what they are in the file, so that no digest could be held against them.
    try write(weights, to: file, split.name, "weights", rows, rowShape: [], isDigested: false) { rows, piece in
      sum += try SampleWeights.sum(of: weights.numbers(piece), from: rows.lowerBound, weights.path)
    }
    _ = try SampleWeights.mean(sum, weights.count, weights.path)
  }

  /// Keras keeps labels as a column; here they are a number each.
  private func writeClasses(
    _ targets: NPYReader, to file: HDF5File, _ split: String, _ rows: Int, _ occurs: inout [Bool]
  ) throws {
    let most = classNames?.count ?? ArrayFile.mostClasses
    let type = HDF5ElementType(name: targets.header.element.rawValue) ?? .int64
    let writer = ArrayWriter<Int32>(
      file, split, "targets", rowShape: [], count: targets.count, storedAs: type, chunkRows: rows, storage)
    try targets.forEachPiece { rows, piece in
      let labels = targets.header.element.integers(piece)
      try ClassificationFile.checkLabels(
        labels, from: rows.lowerBound, classCount: most, path: targets.path, object: nil)
      if classNames == nil { for label in labels { occurs[Int(label)] = true } }
      try writer.append(labels.map { Int32(truncatingIfNeeded: $0) })
    }
    _ = try writer.finish()
  }

  /// Numbers as they are; `look` sees them before they are written.
  private func write(
    _ array: NPYReader, to file: HDF5File, _ split: String, _ name: String, _ chunkRows: Int, rowShape: [Int],
    isDigested: Bool = true, _ look: (Range<Int>, UnsafeRawBufferPointer) throws -> Void = { _, _ in }
  ) throws {
    func write<T: HDF5Element>(_ type: T.Type) throws {
      let writer = ArrayWriter<T>(
        file, split, name, rowShape: rowShape, count: array.count, chunkRows: chunkRows, storage,
        isDigested: isDigested)
      try array.forEachPiece { rows, piece in
        try look(rows, piece)
        try writer.append(piece.bindMemory(to: type))
      }
      _ = try writer.finish()
    }
    try write(array.header.element.stored)
  }
}
