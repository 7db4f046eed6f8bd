import HDF5Files

/// A dataset for image classification in an HDF5 file, as `lockstep convert` writes it.
///
/// `/train/images` uint8 `[n, channels, height, width]`, `/train/labels` integers `[n]`, the same under `/test`; root
/// attributes `lockstep_format`, `task` ("classification") and `class_names`. A split but the training one may have no
/// labels; each may have the images' names, `/test/names`, strings `[n]`.
///
/// Instead of `images` there may be JPEG files, `/train/encoded` (`EncodedImages`); of such a file all attributes may be missing:
/// classes are then numbers.
public final class ClassificationFile: Sendable {
  /// The version of the layout that this Lockstep writes and reads.
  public static let formatVersion: Int64 = 1
  /// The attribute `task` of such files.
  public static let task = "classification"

  /// Where the file lies.
  public let path: String
  /// The classes by their number.
  public let classNames: [String]
  /// The names of the splits that the file has: "train" first, "test" next, others in alphabetical order.
  public let splitNames: [String]
  /// Colours of a pixel: 1 for grey, 3 for RGB.
  public let channels: Int
  /// Pixels.
  public let height: Int
  /// Pixels.
  public let width: Int

  private let file: HDF5File
  private let images: [String: StoredImages]
  private let unlabelled: Set<String>
  /// So many labels are looked at when the file is opened; more of them when they are read.
  private static let labelsAtOnce = 1 << 20

  /// Opens the dataset at `path` and checks all of it but the pixels: format, task, shapes, types, every label of a split
  /// with less than a million.
  /// - Throws: `HDF5Error` for a file that is missing, no HDF5 or damaged; `InputError` for one that is no such dataset.
  public static func open(_ path: String) throws -> ClassificationFile {
    try ClassificationFile(HDF5File.open(path))
  }

  private init(_ file: HDF5File) throws {
    self.file = file
    path = file.path
    splitNames = try ClassificationFile.splitNames(file)
    let areEncoded = try splitNames.contains { try StoredImages.areEncoded(file, $0) }
    try DatasetFormat.check(
      file, task: ClassificationFile.task, version: ClassificationFile.formatVersion, isRequired: !areEncoded)
    classNames = try ClassificationFile.classNames(file, areEncoded ? splitNames : [])
    var imageShape: [Int]?
    var images: [String: StoredImages] = [:]
    var unlabelled: Set<String> = []
    for split in splitNames {
      let stored = try StoredImages(file, split)
      let shape = stored.shape
      images[split] = stored
      if try split != "train" && !file.exists("/\(split)/labels") {
        unlabelled.insert(split)
      } else {
        try ClassificationFile.checkLabels(file, split, count: shape[0])
        if shape[0] <= Self.labelsAtOnce {
          _ = try ClassificationFile.labels(file, split, classCount: classNames.count)
        }
      }
      if let imageShape, imageShape != Array(shape.dropFirst()) {
        let object = "/\(split)/\(stored.array)"
        throw InputError(path, "\(object): shape \(shape), expected images of \(imageShape) as in the others")
      }
      imageShape = Array(shape.dropFirst())
    }
    guard let imageShape else { throw InputError(path, "holds no images: neither in /train nor in /test") }
    (channels, height, width) = (imageShape[0], imageShape[1], imageShape[2])
    (self.images, self.unlabelled) = (images, unlabelled)
  }

  /// The number of images in the split `name`.
  public func count(_ name: String) throws -> Int { try stored(name).count }

  private func stored(_ name: String) throws -> StoredImages {
    guard let stored = images[name] else {
      throw InputError(path, "has no split \"\(name)\"; it has: \(splitNames.joined(separator: ", "))")
    }
    return stored
  }

  /// Of a split whose images are kept as JPEG files: their bytes in all, and the quality that the file says they have.
  public func encoding(_ name: String) throws -> (bytes: Int, quality: String?)? {
    guard case .encoded(let images) = try stored(name) else { return nil }
    return (try images.storedBytes(), images.quality)
  }

  /// Whether the split `name` says its images' classes.
  public func isLabelled(_ name: String) -> Bool { images[name] != nil && !unlabelled.contains(name) }

  /// The classes of the images of the split `name`; nil where nobody knows them.
  public func labels(_ name: String) throws -> [Int32]? {
    isLabelled(name) ? try Self.labels(file, name, classCount: classNames.count) : nil
  }

  /// What the images of the split `name` are called, if the file says so: names of files, without their endings.
  public func names(_ name: String) throws -> [String]? {
    let object = "/\(name)/names"
    guard try file.exists(object) else { return nil }
    let (names, count) = (try file.readStrings(object), try count(name))
    guard names.count == count else {
      throw InputError(path, "\(object): expected \(count) names, one for each image, found \(names.count)")
    }
    return names
  }

  /// Reads the split `name` whole into memory.
  /// - Throws: `InputError` when there is no such split; `HDF5Error` when its pixels are damaged.
  public func split(_ name: String) throws -> ImageSplit {
    let count = try count(name)
    let labels =
      isLabelled(name)
      ? try Self.labels(file, name, classCount: classNames.count) : [Int32](repeating: 0, count: count)
    return ImageSplit(
      images: try stored(name).all(), labels: labels, channels: channels, height: height, width: width,
      isLabelled: isLabelled(name))
  }

  /// A digest (`sha256:<hex>`) of the class names and all images and labels, whatever their layout in the file.
  /// Reads every split; whoever has read them may compare `ImageSplit.digest` instead. JPEG files count as they are, not by
  /// their pixels.
  public func digest() throws -> String {
    var hash = SHA256()
    for name in classNames { hash.update("\(name)\n") }
    for name in splitNames {
      guard case .encoded(let images) = try stored(name) else {
        hash.update("\(name) \(try split(name).digest)\n")
        continue
      }
      let labels = try labels(name) ?? [Int32](repeating: 0, count: images.count)
      let digest = images.digest(
        images: try images.checksum(), labels: labels.withUnsafeBytes(Checksum.crc32))
      hash.update("\(name) \(digest)\n")
    }
    return hash.digest
  }

  /// Mean and standard deviation of each channel over all pixels of the split `name`.
  public func normalization(of name: String) throws -> Normalization { Normalization(try stored(name).pixelCounts()) }

  /// The split `name` as a data set whose images are read when they are needed, and stay where the memory is enough for all
  /// of the file.
  public func streamed(
    _ name: String, _ transform: ImageTransform = ImageTransform(), _ options: StreamingOptions = StreamingOptions(),
    isTraining: Bool = false
  ) throws -> Streamed {
    let stored = try stored(name)
    let streamed = try StreamedImages(
      file, name, stored, classCount: classNames.count, isLabelled: isLabelled(name), transform)
    let rowBytes = streamed.layout.columns.reduce(0, +)
    let others = images.filter { $0.key != name }.values.reduce(0) { $0 + $1.count * rowBytes }
    return try Streamed(streamed, options, isTraining: isTraining, beside: others)
  }
}

/// The checks of opening.
extension ClassificationFile {
  /// `numbered` are the splits whose labels say which classes there are, where nothing names them.
  private static func classNames(_ file: HDF5File, _ numbered: [String]) throws -> [String] {
    if !numbered.isEmpty, try file.attribute("class_names", of: "/") == nil {
      let labels = try numbered.map { "/\($0)/labels" }.filter { try file.isDataset($0) }
      return try ArrayFile.numberedClasses(labels, file)
    }
    guard case .strings(let names) = try file.attribute("class_names", of: "/"), !names.isEmpty else {
      throw InputError(file.path, "class_names: expected an attribute with a name for each class")
    }
    return names
  }

  private static func splitNames(_ file: HDF5File) throws -> [String] {
    let names = try file.names(in: "/").filter {
      try file.isGroup("/\($0)") && (file.isDataset("/\($0)/images") || StoredImages.areEncoded(file, $0))
    }
    let known = ["train", "test"].filter(names.contains)
    return known + names.filter { !known.contains($0) }
  }

  /// Throws unless a split has a label for each image.
  private static func checkLabels(_ file: HDF5File, _ split: String, count: Int) throws {
    let object = "/\(split)/labels"
    let type = try file.elementType(of: object)
    guard type.isInteger else { throw InputError(file.path, "\(object): expected integers, found \(type)") }
    let shape = try file.shape(of: object)
    guard shape == [count] else {
      throw InputError(file.path, "\(object): expected [\(count)], a label for each image, found the shape \(shape)")
    }
  }

  private static func labels(_ file: HDF5File, _ split: String, classCount: Int) throws -> [Int32] {
    let object = "/\(split)/labels"
    let labels = try file.read(object, as: Int64.self)
    try checkLabels(labels, classCount: classCount, path: file.path, object: object)
    return labels.map { Int32(truncatingIfNeeded: $0) }
  }

  /// Throws `InputError` with row and value for the first label that names no class; `first` is the row of the first one.
  static func checkLabels(
    _ labels: [Int64], from first: Int = 0, classCount: Int, path: String, object: String?
  ) throws {
    guard let row = labels.firstIndex(where: { !(0..<Int64(classCount) ~= $0) }) else { return }
    let place = object.map { "\($0): " } ?? ""
    throw InputError(
      path, "\(place)row \(first + row): expected a label in 0...\(classCount - 1), found \(labels[row])")
  }
}
