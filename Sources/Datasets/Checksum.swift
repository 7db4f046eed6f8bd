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

  /// The CRC-32 of so many zeros.
  static func ofZeros(_ byteCount: Int) -> UInt {
    let zeros = [UInt8](repeating: 0, count: min(byteCount, 1 << 16))
    return zeros.withUnsafeBytes { zeros in
      stride(from: 0, to: byteCount, by: 1 << 16).reduce(0) { sum, start in
        continued(sum, with: UnsafeRawBufferPointer(rebasing: zeros[..<min(1 << 16, byteCount - start)]))
      }
    }
  }
}
