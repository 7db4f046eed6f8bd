import CZlib

/// Checksums that tell accidents apart, at a gigabyte a second.
public enum Checksum {
  /// zlib's CRC-32.
  public static func crc32(_ bytes: UnsafeRawBufferPointer) -> UInt {
    continued(0, with: bytes)
  }

  /// The CRC-32 of what came before, of the given one, and of `bytes` behind it.
  public static func continued(_ before: UInt, with bytes: UnsafeRawBufferPointer) -> UInt {
    crc32_z(before, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
  }
}
