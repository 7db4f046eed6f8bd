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

  /// The digest of all files, shared by the readers that they pass through.
  private final class SourceDigest {
    var hash = SHA256()
  }

  private static let mostClasses = 1 << 16
  private let sources: [Source]
  private let classNames: [String]?
  /// A further check of what was read, before anything is written.
  private let check: @Sendable ([ImageSplit]) throws -> Void

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

  init(sources: [Source], classNames: [String]?, check: @escaping @Sendable ([ImageSplit]) throws -> Void = { _ in }) {
    self.sources = sources
    self.classNames = classNames
    self.check = check
  }

  /// Reads and checks everything, then writes the file at `output` as a whole.
  /// - Throws: `FileError` for missing inputs and an output that can't be written; `InputError` for bad data.
  public func convert(to output: String) throws -> Summary {
    try AtomicFile.check(output, from: sources.flatMap { [$0.images, $0.labels] })
    let digest = SourceDigest()
    let splits = try sources.map { try IDXConverter.read($0, into: digest) }
    let imageShapes = splits.map { [$0.channels, $0.height, $0.width] }
    for (source, shape) in zip(sources, imageShapes) where shape != imageShapes[0] {
      let expected = "\(imageShapes[0]) as in \(sources[0].images)"
      throw InputError(source.images, "expected images of \(expected), found \(shape)")
    }
    let names = try checkedClassNames(splits)
    try check(splits)
    let sourceSHA256 = digest.hash.hexadecimal
    let image = try ClassificationFile.encode(
      zip(sources, splits).map { (name: $0.name, split: $1) }, classNames: names, sourceSHA256: sourceSHA256)
    try AtomicFile.write(image, to: output)
    return Summary(
      trainCount: splits[0].count, testCount: splits.dropFirst().reduce(0) { $0 + $1.count },
      channels: splits[0].channels, height: splits[0].height, width: splits[0].width,
      classNames: names, sourceSHA256: sourceSHA256, byteCount: image.count)
  }

  private func checkedClassNames(_ splits: [ImageSplit]) throws -> [String] {
    let greatest = splits.compactMap { $0.labels.max() }.max() ?? 0
    if classNames == nil {
      // Each of them gets a name, be it its number.
      for (source, split) in zip(sources, splits) {
        let labels = split.labels.map { Int64($0) }
        try ClassificationFile.checkLabels(labels, classCount: Self.mostClasses, path: source.labels, object: nil)
      }
    }
    let names = classNames ?? (0...greatest).map { "\($0)" }
    for (source, split) in zip(sources, splits) {
      let labels = split.labels.map { Int64($0) }
      try ClassificationFile.checkLabels(labels, classCount: names.count, path: source.labels, object: nil)
    }
    return names
  }

  private static func read(_ source: Source, into digest: SourceDigest) throws -> ImageSplit {
    let images = try IDXFile(source.images) { digest.hash.update($0) }
    let labels = try IDXFile(source.labels) { digest.hash.update($0) }
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
    let numbers = try labels.integers()
    // A label file can name at most the classes that int32 holds; negative ones name none.
    try ClassificationFile.checkLabels(numbers, classCount: Int(Int32.max), path: source.labels, object: nil)
    return ImageSplit(
      images: images.bytes, labels: numbers.map { Int32(truncatingIfNeeded: $0) },
      channels: shape.count == 4 ? shape[1] : 1, height: shape[shape.count - 2], width: shape[shape.count - 1])
  }
}
