/// A seal over attributes: HDF5 keeps their strings in a heap that, unlike all else in the file, has no checksum.
extension HDF5File {
  private static let sealName = "attributes_checksum"

  /// Adds a checksum over the attributes of what is at `path`. Set it last: it holds for these values only.
  public func sealAttributes(of path: String) throws {
    try setAttribute(HDF5File.sealName, of: path, to: .int(attributesChecksum(of: path)))
  }

  /// Throws `HDF5Error` `.damaged` when attributes of what is at `path` have changed since they were sealed.
  ///
  /// Files that other programs wrote have no seal and pass.
  public func verifyAttributes(of path: String) throws {
    guard let seal = try attribute(HDF5File.sealName, of: path) else { return }
    guard try seal == .int(attributesChecksum(of: path)) else {
      throw HDF5Error(.damaged, path: self.path, object: path, "its attributes do not match their checksum")
    }
  }

  /// The first 60 bits of a SHA-256 digest over names and values.
  private func attributesChecksum(of path: String) throws -> Int64 {
    var hash = SHA256()
    for name in try attributeNames(of: path) where name != HDF5File.sealName {
      guard let value = try attribute(name, of: path) else { continue }
      for text in [name] + value.texts {
        hash.update("\(text.utf8.count):")
        hash.update(text)
      }
    }
    return Int64(hash.hexadecimal.prefix(15), radix: 16) ?? 0
  }
}

extension HDF5Attribute {
  /// The kind and the values, as text that differs where two attributes do.
  fileprivate var texts: [String] {
    switch self {
    case .int(let number): ["int", "\(number)"]
    case .ints(let numbers): ["ints"] + numbers.map { "\($0)" }
    case .double(let number): ["double", "\(number.bitPattern)"]
    case .doubles(let numbers): ["doubles"] + numbers.map { "\($0.bitPattern)" }
    case .string(let text): ["string", text]
    case .strings(let texts): ["strings"] + texts
    }
  }
}
