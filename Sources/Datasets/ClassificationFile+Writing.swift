import HDF5Files

/// Writing such a dataset.
extension ClassificationFile {
  /// The bytes of a dataset file, for `AtomicFile`.
  ///
  /// Images lie in chunks of whole images, a quarter of a megabyte at most; everything carries checksums.
  /// - Parameters:
  ///   - splits: by name, in order; "train" and "test" are those that the commands know.
  ///   - classNames: by label.
  ///   - names: what images are called, by split and in their order, where that is known.
  ///   - sourceSHA256: the digest of the files that the data came from, 64 hexadecimal digits.
  ///   - storage: how arrays are kept.
  public static func encode(
    _ splits: [(name: String, split: ImageSplit)], classNames: [String], names: [String: [String]] = [:],
    sourceSHA256: String, storage: ArrayStorage = ArrayStorage()
  ) throws -> [UInt8] {
    let file = try HDF5File.inMemory()
    let digests = try splits.map { name, split in
      let writer = try ImageSplitWriter(
        file, name, channels: split.channels, height: split.height, width: split.width, count: split.count,
        isLabelled: split.isLabelled, storage)
      try writer.append(images: split.images)
      try writer.append(labels: split.labels)
      return (name: name, digest: try writer.finish(names: names[name]))
    }
    try finish(file, digests, classNames: classNames, sourceSHA256: sourceSHA256)
    return try file.image()
  }

  /// Adds all text, once the splits are written: their digests, and what the file is.
  static func finish(
    _ file: HDF5File, _ digests: [(name: String, digest: String)], classNames: [String], sourceSHA256: String
  ) throws {
    try DatasetFormat.finish(file, task: task, version: formatVersion, sourceSHA256: sourceSHA256, digests) {
      try file.setAttribute("class_names", of: "/", to: .strings(classNames))
    }
  }
}
