import HDF5Files

/// What all of Lockstep's datasets have in common: the version of their layout, their task and where they came from.
enum DatasetFormat {
  /// - Parameter sourceSHA256: the digest of the files that the data came from, 64 hexadecimal digits.
  static func write(_ file: HDF5File, task: String, version: Int64, sourceSHA256: String) throws {
    try file.setAttribute("lockstep_format", of: "/", to: .int(version))
    try file.setAttribute("task", of: "/", to: .string(task))
    try file.setAttribute("source_sha256", of: "/", to: .string(sourceSHA256))
  }

  /// Adds all that is text, sealed, to a file whose arrays are written: in a file on the disk it comes last.
  /// - Parameters:
  ///   - digests: by split, of all its samples.
  ///   - more: sets further attributes.
  static func finish(
    _ file: HDF5File, task: String, version: Int64, sourceSHA256: String, _ digests: [(name: String, digest: String)],
    _ more: () throws -> Void = {}
  ) throws {
    try file.sealingText {
      try write(file, task: task, version: version, sourceSHA256: sourceSHA256)
      try more()
      for (name, digest) in digests { try file.setAttribute("digest", of: "/\(name)", to: .string(digest)) }
    }
  }

  /// Throws unless `file` is a dataset of this task and version, with whole text.
  /// - Parameter isRequired: whether a file must say what it is; what it says must be right in any case.
  static func check(_ file: HDF5File, task: String, version: Int64, isRequired: Bool = true) throws {
    if try file.isGroup("/model"), try file.isGroup("/training") {
      throw InputError(file.path, "is a checkpoint, not a dataset")
    }
    let format = try file.attribute("lockstep_format", of: "/")
    if format == nil && isRequired {
      throw InputError(file.path, "is no Lockstep dataset: it has no attribute lockstep_format")
    }
    if let format, format != .int(version), format != .ints([version]) {
      throw InputError(file.path, "lockstep_format: expected \(version), found \(format.text)")
    }
    try file.verifyText()
    let found = try file.attribute("task", of: "/")
    if found == nil && !isRequired { return }
    guard found == .string(task) || found == .strings([task]) else {
      throw InputError(file.path, "task: expected \(task), found \(found?.text ?? "no such attribute")")
    }
  }
}

extension HDF5Attribute {
  /// The value as a person writes it.
  var text: String {
    switch self {
    case .int(let number): "\(number)"
    case .double(let number): "\(number)"
    case .string(let text): "\"\(text)\""
    case .ints(let numbers): "\(numbers)"
    case .doubles(let numbers): "\(numbers)"
    case .strings(let texts): "\(texts)"
    }
  }
}
