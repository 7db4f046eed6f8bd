import HDF5Files

/// Writes the images of folders as they are decoded, in the order of the plan.
public final class ImageFolderWriter {
  private let file: HDF5File
  private let plan: ImageFolderConverter
  private let size: ImageSize
  private let channels: Int
  private let storage: ArrayStorage
  private let classes: [String: Int32]
  private var source = SHA256()
  /// Files that were decoded or left out so far.
  private var position = 0
  private var skipped = 0
  /// The split that is being written, and what its images are called.
  private var writer: ImageSplitWriter?
  private var names: [String] = []
  private var counts: [String: Int] = [:]
  private var digests: [(name: String, digest: String)] = []

  /// - Parameters:
  ///   - file: a file that is built, with nothing in it.
  ///   - plan: the files.
  ///   - size: of every image, in pixels.
  ///   - channels: 1 for grey, 3 for colour.
  ///   - storage: how the arrays lie in the file.
  public init(
    _ file: HDF5File, _ plan: ImageFolderConverter, _ size: ImageSize, channels: Int, _ storage: ArrayStorage
  ) {
    (self.file, self.plan, self.size, self.channels, self.storage) = (file, plan, size, channels, storage)
    classes = Dictionary(uniqueKeysWithValues: plan.classNames.enumerated().map { ($1, Int32($0)) })
    source.update(plan.labelDigest)
  }

  /// The next files of the plan.
  public func append(_ share: ImageFolderConverter.Share) throws {
    source.update(share.digests)
    var (start, lengths) = (0, share.lengths.makeIterator())
    for isKept in share.kept {
      let item = plan.items[position]
      position += 1
      guard isKept == 1, let length = lengths.next() else {
        skipped += 1
        continue
      }
      let writer = try writer(of: item.split)
      let end = start + Int(length)
      try share.images.withUnsafeBufferPointer {
        try writer.append(images: UnsafeBufferPointer(rebasing: $0[start..<end]))
      }
      try writer.append(labels: [item.entry.label.flatMap { classes[$0] } ?? 0])
      names.append(item.entry.name)
      start = end
    }
  }

  /// The plan has training images first, so that each split is one piece.
  private func writer(of split: String) throws -> ImageSplitWriter {
    if let writer, writer.name == split { return writer }
    try finishSplit()
    let members = plan.items.lazy.filter { $0.split == split }
    let new = try ImageSplitWriter(
      file, split, channels: channels, height: size.height, width: size.width, count: members.count,
      isLabelled: members.allSatisfy { $0.entry.label != nil }, storage, encoding: plan.options.encoding)
    writer = new
    return new
  }

  private func finishSplit() throws {
    guard let writer else { return }
    counts[writer.name] = writer.imageCount
    digests.append((writer.name, try writer.finish(names: names)))
    (self.writer, names) = (nil, [])
  }

  /// Ends the file, once all files of the plan are through; its size is not known yet.
  /// - Throws: `InputError` where no training image could be read.
  public func finish() throws -> ImageFolderConverter.Summary {
    try finishSplit()
    guard counts["train"] != nil else {
      throw InputError(plan.items.first?.entry.path ?? file.path, "no training image could be read")
    }
    try ClassificationFile.finish(
      file, digests, classNames: plan.classNames, sourceSHA256: source.hexadecimal)
    let isTestLabelled = plan.items.allSatisfy { $0.split != "test" || $0.entry.label != nil }
    return ImageFolderConverter.Summary(
      trainCount: counts["train"] ?? 0, testCount: counts["test"] ?? 0,
      isTestLabelled: counts["test"] == nil || isTestLabelled, channels: channels, size: size, skipped: skipped)
  }
}
