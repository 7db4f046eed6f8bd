import HDF5Files

/// Turns images and labels in IDX files, gzipped or plain, into an HDF5 file for classification.
///
/// `ClassificationFile` reads what it writes, and so does h5py: `/train/images` uint8 `[n, channels, height, width]`,
/// `/train/labels` int64 `[n]` (the type that PyTorch's losses take), the same under `/test`; root attributes
/// `lockstep_format`, `task`, `class_names`, and `source_sha256`: what `cat … | sha256sum` prints for the train images,
/// train labels, test images and test labels in this order.
public struct IDXConverter: Sendable {
  /// What a conversion has written.
  public struct Summary: Sendable, Equatable {
    /// Images of the splits.
    public let trainCount: Int
    /// 0 without test files.
    public let testCount: Int
    /// Colours of a pixel.
    public let channels: Int
    /// Pixels.
    public let height: Int
    /// Pixels.
    public let width: Int
    /// The classes by their number.
    public let classNames: [String]
    /// 64 hexadecimal digits.
    public let sourceSHA256: String
    /// Size in bytes of the file that was written.
    public let byteCount: Int
  }

  /// The two files of one split.
  struct Source: Sendable {
    let name: String
    let images: String
    let labels: String
  }

  /// What has been read of a split.
  struct Found {
    let channels, height, width: Int
    /// How many images there are of each class, as far as classes go.
    var perClass: [Int] = []
    var count = 0
    var shape: [Int] { [channels, height, width] }
  }

  /// The digest of all files, shared by the readers that they pass through.
  private final class SourceBytes {
    var hash = SHA256()
    var done = 0
  }

  private static let mostClasses = 1 << 16
  private let sources: [Source]
  private let classNames: [String]?
  /// A further check of what was read, before anything is written.
  private let check: @Sendable ([Found]) throws -> Void
  /// How arrays are kept.
  public var storage = ArrayStorage()
  /// Is told which share of the work is done.
  public var progress: @Sendable (Double) -> Void = { _ in }

  /// A training split alone, by the paths of its files. Class names are by label; nil numbers them from 0 to the
  /// greatest.
  public init(trainImages: String, trainLabels: String, classNames: [String]? = nil) {
    let train = Source(name: "train", images: trainImages, labels: trainLabels)
    self.init(sources: [train], classNames: classNames)
  }

  /// Both splits, by the paths of their files. Class names are by label; nil numbers them from 0 to the greatest.
  public init(
    trainImages: String, trainLabels: String, testImages: String, testLabels: String, classNames: [String]? = nil
  ) {
    let train = Source(name: "train", images: trainImages, labels: trainLabels)
    let test = Source(name: "test", images: testImages, labels: testLabels)
    self.init(sources: [train, test], classNames: classNames)
  }

  init(sources: [Source], classNames: [String]?, check: @escaping @Sendable ([Found]) throws -> Void = { _ in }) {
    self.sources = sources
    self.classNames = classNames
    self.check = check
  }

  /// Reads and checks everything piece by piece, and writes the file at `output` as a whole.
  /// - Throws: `FileError` for missing inputs and an output that can't be written; `InputError` for bad data.
  public func convert(to output: String) throws -> Summary {
    let paths = sources.flatMap { [$0.images, $0.labels] }
    try AtomicFile.check(output, from: paths)
    let shapes = try sources.map(Self.shape)
    for (source, shape) in zip(sources, shapes) where shape.shape != shapes[0].shape {
      let expected = "\(shapes[0].shape) as in \(sources[0].images)"
      throw InputError(source.images, "expected images of \(expected), found \(shape.shape)")
    }
    let total = try paths.reduce(0) { $0 + (try InputFile($1).byteCount) }
    let bytes = SourceBytes()
    func note(_ some: UnsafeRawBufferPointer) {
      bytes.hash.update(some)
      bytes.done += some.count
      progress(Double(bytes.done) / Double(max(total, 1)))
    }
    let (written, byteCount) = try HDF5File.create(at: output) { file in
      var (found, digests) = ([Found](), [(name: String, digest: String)]())
      for (source, shape) in zip(sources, shapes) {
        var split = shape
        digests.append((source.name, try write(source, &split, to: file, note)))
        found.append(split)
      }
      try check(found)
      let greatest = found.map(\.perClass.count).max() ?? 0
      let names = classNames ?? (0..<max(greatest, 1)).map { "\($0)" }
      try ClassificationFile.finish(
        file, digests, classNames: names, sourceSHA256: bytes.hash.hexadecimal)
      return (found: found, names: names)
    }
    let found = written.found
    return Summary(
      trainCount: found[0].count, testCount: found.dropFirst().reduce(0) { $0 + $1.count },
      channels: found[0].channels, height: found[0].height, width: found[0].width,
      classNames: written.names, sourceSHA256: bytes.hash.hexadecimal, byteCount: byteCount)
  }

  /// What the headers of a split's files say.
  private static func shape(_ source: Source) throws -> Found {
    let (images, labels) = (try IDXReader(source.images), try IDXReader(source.labels))
    guard images.elementType == .uint8 else {
      throw InputError(source.images, "expected pixels of uint8, found \(images.elementType)")
    }
    let shape = images.shape
    guard shape.count == 3 || shape.count == 4, shape.dropFirst().allSatisfy({ $0 > 0 }) else {
      throw InputError(
        source.images, "expected images of [n, height, width] or [n, channels, height, width], found \(shape)")
    }
    guard labels.shape.count == 1 else {
      throw InputError(source.labels, "expected labels of the shape [n], found \(labels.shape)")
    }
    guard labels.shape[0] == shape[0] else {
      throw InputError(source.labels, "expected \(shape[0]) labels as in \(source.images), found \(labels.shape[0])")
    }
    return Found(
      channels: shape.count == 4 ? shape[1] : 1, height: shape[shape.count - 2], width: shape[shape.count - 1],
      count: shape[0])
  }

  /// Copies a split; its digest.
  private func write(
    _ source: Source, _ found: inout Found, to file: HDF5File, _ note: @escaping (UnsafeRawBufferPointer) -> Void
  ) throws -> String {
    let writer = try ImageSplitWriter(
      file, source.name, channels: found.channels, height: found.height, width: found.width, count: found.count,
      storage)
    try IDXReader(source.images, onStoredBytes: note).forEachPiece {
      try writer.append(images: $0.assumingMemoryBound(to: UInt8.self))
    }
    let labels = try IDXReader(source.labels, onStoredBytes: note)
    let classCount = classNames?.count ?? Self.mostClasses
    var perClass = [Int](repeating: 0, count: classCount)
    var row = 0
    try labels.forEachPiece { piece in
      let numbers = try labels.elementType.integers(piece, source.labels)
      try ClassificationFile.checkLabels(
        numbers, from: row, classCount: classCount, path: source.labels, object: nil)
      for label in numbers { perClass[Int(label)] += 1 }
      try writer.append(labels: numbers.map { Int32(truncatingIfNeeded: $0) })
      row += numbers.count
    }
    // A file that was replaced after its header was read.
    guard row == found.count, writer.imageCount == found.count else {
      throw InputError(source.images, "changed while it was read")
    }
    found.perClass = Array(perClass.prefix((perClass.lastIndex { $0 > 0 } ?? -1) + 1))
    return try writer.finish()
  }
}
