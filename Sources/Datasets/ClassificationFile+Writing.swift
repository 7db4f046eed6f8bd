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
  public static func encode(
    _ splits: [(name: String, split: ImageSplit)], classNames: [String], names: [String: [String]] = [:],
    sourceSHA256: String
  ) throws -> [UInt8] {
    let file = try HDF5File.inMemory()
    try DatasetFormat.write(file, task: task, version: formatVersion, sourceSHA256: sourceSHA256)
    try file.setAttribute("class_names", of: "/", to: .strings(classNames))
    try file.sealText()
    for (name, split) in splits {
      let shape = [split.count, split.channels, split.height, split.width]
      // By itself: groups made on the way to a dataset would carry the time of day.
      try file.createGroup("/\(name)")
      try file.write(split.images, shape: shape, to: "/\(name)/images")
      if split.isLabelled {
        try file.write(split.labels.map { Int64($0) }, shape: [split.count], to: "/\(name)/labels")
      }
      if let names = names[name] { try file.writeStrings(names, to: "/\(name)/names") }
    }
    return try file.image()
  }
}
