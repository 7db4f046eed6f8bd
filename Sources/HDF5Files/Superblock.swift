/// The superblock, with which an HDF5 file of format 2 or 3 begins: 44 bytes and their checksum.
package enum Superblock {
  private static let checkedBytes = 44

  /// Makes the checksum fit the superblock again.
  static func renewChecksum(of image: inout [UInt8]) {
    guard image.count >= checkedBytes + 4, image[8] == 2 || image[8] == 3 else { return }
    let sum = checksum(Array(image[..<checkedBytes]))
    for index in 0..<4 { image[checkedBytes + index] = UInt8(truncatingIfNeeded: sum >> (8 * UInt32(index))) }
  }

  /// Bob Jenkins' lookup3 hash (`hashlittle`, <https://burtleburtle.net/bob/c/lookup3.c>), HDF5's metadata checksum.
  package static func checksum(_ bytes: [UInt8]) -> UInt32 {
    guard !bytes.isEmpty else { return 0xdead_beef }
    let start = 0xdead_beef &+ UInt32(truncatingIfNeeded: bytes.count)
    var (a, b, c) = (start, start, start)
    var offset = 0
    while true {
      a &+= word(bytes, offset)
      b &+= word(bytes, offset + 4)
      c &+= word(bytes, offset + 8)
      offset += 12
      if offset >= bytes.count { break }
      a = (a &- c) ^ rotate(c, 4)
      c &+= b
      b = (b &- a) ^ rotate(a, 6)
      a &+= c
      c = (c &- b) ^ rotate(b, 8)
      b &+= a
      a = (a &- c) ^ rotate(c, 16)
      c &+= b
      b = (b &- a) ^ rotate(a, 19)
      a &+= c
      c = (c &- b) ^ rotate(b, 4)
      b &+= a
    }
    c = (c ^ b) &- rotate(b, 14)
    a = (a ^ c) &- rotate(c, 11)
    b = (b ^ a) &- rotate(a, 25)
    c = (c ^ b) &- rotate(b, 16)
    a = (a ^ c) &- rotate(c, 4)
    b = (b ^ a) &- rotate(a, 14)
    return (c ^ b) &- rotate(b, 24)
  }

  /// The little-endian word at `offset`; bytes past the end count as zero.
  private static func word(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
    var word: UInt32 = 0
    for (index, byte) in bytes.dropFirst(offset).prefix(4).enumerated() { word |= UInt32(byte) << (8 * UInt32(index)) }
    return word
  }

  private static func rotate(_ word: UInt32, _ bits: UInt32) -> UInt32 { (word << bits) | (word >> (32 &- bits)) }
}
