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

  /// Reads and checks everything, then writes the file at `output` as a whole.
  /// - Throws: `FileError` for missing inputs and an output that can't be written; `InputError` for bad data.
  public func convert(to output: String) throws -> Summary {
    let names = splits.flatMap { [$0.arrays.inputs, $0.arrays.targets, $0.arrays.weights].compactMap { $0 } }
    try AtomicFile.check(output, from: archive.map { [$0] } ?? names)
    var hash = SHA256()
    let zip = try archive.map { try ZipArchive($0) }
    func read(_ name: String) throws -> NPYArray {
      guard let zip else { return try NPYArray(file: name) { hash.update($0) } }
      guard let member = zip.members.first(where: { Self.name($0) == name }) else {
        let known = zip.members.prefix(12).map { Self.name($0) }.joined(separator: ", ")
        throw InputError(zip.path, "has no array \(name.shown); it has: \(known)")
      }
      return try NPYArray(zip.open(member), byteCount: member.byteCount) { hash.update($0) }
    }
    let arrays = try splits.map { split in
      try Arrays(
        name: split.name, inputs: read(split.arrays.inputs), targets: split.arrays.targets.map(read),
        weights: split.arrays.weights.map(read))
    }
    let outputs = try check(arrays)
    let image = try encode(arrays, sourceSHA256: hash.hexadecimal)
    try AtomicFile.write(image, to: output)
    return Summary(
      trainCount: arrays[0].inputs.count, testCount: arrays.dropFirst().reduce(0) { $0 + $1.inputs.count },
      inputShape: arrays[0].inputs.rowShape, outputs: outputs, byteCount: image.count)
  }

  /// A split in memory.
  private struct Arrays {
    let name: String
    let inputs: NPYArray
    let targets, weights: NPYArray?
  }

  private func check(_ splits: [Arrays]) throws -> ArrayFile.Outputs {
    let shape = splits[0].inputs.rowShape
    for split in splits {
      let inputs = split.inputs
      guard inputs.rowShape == shape, !shape.contains(0) else {
        throw InputError(inputs.path, "has samples of the shape \(inputs.rowShape), expected \(shape) without a 0")
      }
      for other in [split.targets, split.weights].compactMap({ $0 }) where other.count != inputs.count {
        throw InputError(other.path, "has \(other.count) rows, but \(inputs.path) has \(inputs.count)")
      }
      if let weights = split.weights {
        guard weights.rowWidth == 1 else { throw InputError(weights.path, "expected one weight for each sample") }
        try SampleWeights.check(weights.numbers(), weights.path)
      }
    }
    return try outputs(of: splits.compactMap(\.targets))
  }

  private func outputs(of targets: [NPYArray]) throws -> ArrayFile.Outputs {
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
    var occurs = [Bool](repeating: false, count: ArrayFile.mostClasses)
    for target in targets {
      let labels = target.integers()
      let most = classNames?.count ?? ArrayFile.mostClasses
      try ClassificationFile.checkLabels(labels, classCount: most, path: target.path, object: nil)
      if classNames == nil { for label in labels { occurs[Int(label)] = true } }
    }
    return .classes(try classNames?.count ?? ArrayFile.classCount(occurs, first.path))
  }

  private func encode(_ splits: [Arrays], sourceSHA256: String) throws -> [UInt8] {
    let file = try HDF5File.inMemory()
    try DatasetFormat.write(file, task: ArrayFile.task, version: ArrayFile.formatVersion, sourceSHA256: sourceSHA256)
    if let classNames { try file.setAttribute("class_names", of: "/", to: .strings(classNames)) }
    try file.sealText()
    for split in splits {
      try split.inputs.write(to: file, "/\(split.name)/inputs", rowShape: split.inputs.rowShape)
      if let targets = split.targets {
        // Keras keeps labels as a column.
        let shape = targets.header.element.isInteger ? [] : targets.rowShape
        try targets.write(to: file, "/\(split.name)/targets", rowShape: shape)
      }
      try split.weights?.write(to: file, "/\(split.name)/weights", rowShape: [])
    }
    return try file.image()
  }
}

extension NPYArray {
  /// Writes the array with rows of another shape of as many numbers.
  fileprivate func write(to file: HDF5File, _ object: String, rowShape: [Int]) throws {
    func write<T: HDF5Element>(_ type: T.Type) throws {
      try bytes.withUnsafeBytes {
        try file.write($0.bindMemory(to: type), shape: [count] + rowShape, to: object)
      }
    }
    try write(header.element.stored)
  }
}
