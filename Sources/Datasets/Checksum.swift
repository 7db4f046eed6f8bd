import CZlib

/// Checksums that tell accidents apart, at a gigabyte a second.
public enum Checksum {
  /// zlib's CRC-32.
  public static func crc32(_ bytes: UnsafeRawBufferPointer) -> UInt {
    crc32_z(0, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
  }
}
