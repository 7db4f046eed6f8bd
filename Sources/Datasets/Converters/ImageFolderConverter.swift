import HDF5Files
import Tensors

/// Turns folders of PNG and JPEG files into an HDF5 file for classification, in steps that ranks can share: each makes the
/// same plan, looks at the headers of its part of the files, decodes its part, and one writes.
public struct ImageFolderConverter: Sendable {
  /// What to read, and how.
  public struct Options: Sendable {
    /// The pictures, in a folder for each class.
    public var folder: String
    /// A CSV file of `id,label`, for images that don't lie in folders of their classes.
    public var labels: String?
    /// Further pictures, for the test split.
    public var testFolder: String?
    /// The share of the images that becomes the test split, drawn at random.
    public var testFraction: Double?
    /// 1 for grey, 3 for colour; nil for grey if all images are.
    public var channels: Int?
    /// Images are resized to this; nil when all have one size.
    public var size: ImageSize?
    /// Images are kept as JPEG files; nil for pixels.
    public var encoding: JPEGStorage?
    /// What the choice of a test split depends on.
    public var seed: UInt64 = 0

    /// As the folder has it: no labels from a table, no test split.
    public init(folder: String) { self.folder = folder }
  }

  /// One file and where it goes.
  struct Item: Sendable {
    let entry: ImageFolder.Entry
    let split: String
  }

  let items: [Item]
  /// The classes by their number, in the order of the alphabet.
  public let classNames: [String]
  /// Files beside the images that were passed over.
  public let otherFiles: Int
  /// Files that are read.
  public var inputs: [String] { items.map(\.entry.path) + (options.labels.map { [$0] } ?? []) }
  /// Images, of both splits.
  public var count: Int { items.count }

  /// The digest of the CSV file of labels, a line; empty without one.
  let labelDigest: String
  let options: Options

  /// Lists all files and finds their labels; opens no image.
  public init(_ options: Options) throws {
    self.options = options
    let hasParts = ["train", "test"].filter { ImageFolder.isFolder("\(options.folder)/\($0)") }
    let train = hasParts.contains("train") ? "\(options.folder)/train" : options.folder
    let test = options.testFolder ?? (hasParts.count == 2 ? "\(options.folder)/test" : nil)
    if test != nil, options.testFraction != nil {
      throw InputError(options.folder, "has a folder for tests, so that a test fraction makes no sense", kind: .usage)
    }
    var labelDigest = ""
    var folder: ImageFolder
    if let path = options.labels {
      let table = try LabelTable(path) { bytes in
        var hash = SHA256()
        hash.update(bytes)
        labelDigest = "\(hash.hexadecimal)\n"
      }
      folder = try ImageFolder(train, labels: table)
    } else {
      folder = try ImageFolder(train, mayBeUnlabelled: false)
    }
    let known = Set(folder.entries.compactMap(\.label))
    classNames = known.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    var items = folder.entries.map { Item(entry: $0, split: "train") }
    var others = folder.otherFiles
    if let test {
      let folder = try ImageFolder(test, mayBeUnlabelled: true)
      if let stranger = folder.entries.first(where: { $0.label.map { !known.contains($0) } ?? false }) {
        throw InputError(stranger.path, "is of a class that \(train) does not have")
      }
      items += folder.entries.map { Item(entry: $0, split: "test") }
      others += folder.otherFiles
    } else if let fraction = options.testFraction {
      items = try Self.splitting(items, fraction, options)
    }
    (self.items, otherFiles, self.labelDigest) = (items, others, labelDigest)
  }

  private static func splitting(_ items: [Item], _ fraction: Double, _ options: Options) throws -> [Item] {
    let count = Int((Double(items.count) * fraction).rounded())
    guard (1..<items.count).contains(count) else {
      throw InputError(options.folder, "a test fraction of \(fraction) takes \(count) of \(items.count) images")
    }
    let drawn = Set(RandomKey(seed: options.seed, .shuffling).permutation(items.count).prefix(count))
    let train = items.indices.filter { !drawn.contains($0) }.map { items[$0] }
    return train + drawn.sorted().map { Item(entry: items[$0].entry, split: "test") }
  }

  /// What makes this plan: ranks that see other files must not go on.
  public var identity: String {
    var hash = SHA256()
    hash.update("\(options) \(labelDigest)\n")
    for item in items { hash.update("\(item.entry.path) \(item.split) \(item.entry.label ?? "")\n") }
    return hash.digest
  }

  /// What the headers of some files say: height, width and channels of each. Of a file that can't be read `onFailure`
  /// is told: it throws, or lets three zeros stand for the file.
  public func headers(of part: Range<Int>, onFailure: (any Error) throws -> Void) throws -> [Int64] {
    try part.flatMap { index -> [Int64] in
      do {
        let (size, channels) = try ImageFile.header(items[index].entry.path)
        return [Int64(size.height), Int64(size.width), Int64(channels)]
      } catch {
        try onFailure(error)
        return [0, 0, 0]
      }
    }
  }

  /// The shape that all images get, from the headers of all files.
  /// - Throws: `InputError` when sizes differ and none was asked for.
  public func form(_ headers: [Int64]) throws -> (size: ImageSize, channels: Int) {
    var found: ImageSize?
    var channels = 1
    for (index, start) in stride(from: 0, to: headers.count, by: 3).enumerated() where headers[start] > 0 {
      let size = ImageSize(Int(headers[start]), Int(headers[start + 1]))
      channels = max(channels, Int(headers[start + 2]))
      if let found, found != size, options.size == nil {
        throw InputError(
          items[index].entry.path, "has \(size) pixels, but images before it have \(found); --size H,W resizes all")
      }
      found = found ?? size
    }
    guard let found else { throw InputError(options.folder, "holds no image that can be read") }
    let size = options.size ?? found
    channels = options.channels ?? channels
    return (size, channels)
  }

  /// The plan in blocks of files, one after another in memory: so many that the pixels of a block are some megabytes, and
  /// that each of so many threads has one.
  public func blocks(_ size: ImageSize, channels: Int, threads: Int) -> [Range<Int>] {
    let files = max(Self.blockBytes / max(size.height * size.width * channels, 1), threads, 1)
    return stride(from: 0, to: count, by: files).map { $0..<min($0 + files, count) }
  }

  private static let blockBytes = 64 << 20
}
