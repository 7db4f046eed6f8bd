import CHDF5
import Glibc

/// A seal over the text of attributes.
///
/// HDF5 keeps the strings of attributes in heaps that, unlike all else in a file, have no checksum; from a heap with a
/// flipped byte libhdf5 reads wrong text or crashes. So the root gets an attribute with each heap's place and checksum,
/// which is safe to read, and which is held against the raw bytes before libhdf5 follows a reference into a heap.
extension HDF5File {
  private static let sealName = "text_checksums"

  /// Adds checksums over the text of all attributes so far; from now on no attribute with text can be set.
  ///
  /// Cheapest before large datasets are written: it looks through the whole file. A file on the disk has `sealingText`.
  public func sealText() throws {
    if target != nil { return try sealingText {} }
    let image = try image()
    try seal(HDF5File.heaps(in: image)) { Array(image[$0]) }
  }

  /// Runs `body`, which sets attributes with text, and seals them. In a file on the disk nothing but these is looked at, so
  /// all of them are set there.
  public func sealingText(_ body: () throws -> Void) throws {
    // Flushing decides about the places of what comes next: in memory and on the disk they are the same.
    try flush()
    guard let target else {
      try body()
      return try sealText()
    }
    HDF5Library.locked { h5_watch_heaps(target.pointer) }
    try body()
    try flush()
    try seal(HDF5Library.locked { target.heaps }) { try target.bytes($0, path) }
  }

  private func flush() throws {
    try perform(failure: .library) { session, file in
      _ = try session.check(H5Fflush(file, H5F_SCOPE_GLOBAL), "flushing")
    }
  }

  private func seal(_ heaps: [Range<Int>], bytes: (Range<Int>) throws -> [UInt8]) throws {
    let values = try heaps.flatMap { range in
      [Int64(range.lowerBound), Int64(range.count), HDF5File.checksum(try bytes(range))]
    }
    try setAttribute(HDF5File.sealName, of: "/", to: .ints(values))
    HDF5Library.locked { isSealed = true }
  }

  /// Throws `HDF5Error` `.damaged` when the text of attributes has changed since it was sealed. Call it before reading
  /// attributes with text. Files without a seal, as other programs write them, pass.
  public func verifyText() throws {
    guard case .ints(let values) = try attribute(HDF5File.sealName, of: "/") else { return }
    for start in stride(from: 0, to: values.count - values.count % 3, by: 3) {
      let (offset, count) = (Int(clamping: values[start]), Int(clamping: values[start + 1]))
      guard offset >= 0, count >= 0, offset <= byteCount, count <= byteCount - offset,
        HDF5File.checksum(try rawBytes(offset, count)) == values[start + 2]
      else {
        let advice = "if another program changed them on purpose, delete the attribute \(HDF5File.sealName)"
        throw HDF5Error(.damaged, path: path, "the attributes' text does not match its checksum (\(advice))")
      }
    }
  }

  /// Where the heaps lie: "GCOL", version and padding of four bytes, size of eight, at any offset.
  ///
  /// Numbers that happen to look like a heap are sealed as well, which does no harm.
  private static func heaps(in image: [UInt8]) -> [Range<Int>] {
    let headerBytes = 16
    return image.withUnsafeBytes { bytes in
      (0..<max(0, bytes.count - headerBytes)).compactMap { offset in
        guard bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self) == UInt32(littleEndian: 0x4c4f_4347) else {
          return nil
        }
        let size = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self))
        guard let size = Int(exactly: size), size >= headerBytes, size <= bytes.count - offset else { return nil }
        return offset..<offset + size
      }
    }
  }

  /// The first 60 bits of a SHA-256 digest.
  private static func checksum(_ bytes: [UInt8]) -> Int64 {
    var hash = SHA256()
    hash.update(bytes)
    return Int64(hash.hexadecimal.prefix(15), radix: 16) ?? 0
  }
}
