/// The CRC-32 of Castagnoli's polynomial, by which TensorFlow's record files are checked.
enum CRC32C {
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
  }

  static func value(_ bytes: some Sequence<UInt8>) -> UInt32 {
    ~bytes.reduce(~0) { table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] ^ $0 >> 8 }
  }

  /// As records have it: a checksum of what holds checksums is a poor one.
  static func masked(_ bytes: some Sequence<UInt8>) -> UInt32 {
    let value = value(bytes)
    return (value >> 15 | value << 17) &+ 0xA282_EAD8
  }
}
