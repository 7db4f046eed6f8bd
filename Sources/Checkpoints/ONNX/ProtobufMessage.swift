/// A message of Google's protocol buffers as it is written: fields by their numbers, one behind the other.
///
/// Bytes of weights are kept as they come and joined once, at the end.
struct ProtobufMessage {
  private var pieces: [[UInt8]] = []
  private var last: [UInt8] = []
  /// Of the whole message.
  private(set) var byteCount = 0

  /// A whole number, or one of an enumeration.
  mutating func add(_ field: Int, _ value: Int) {
    key(field, 0)
    varint(UInt64(bitPattern: Int64(value)))
  }

  /// A float of four bytes.
  mutating func add(_ field: Int, _ value: Float) {
    key(field, 5)
    withUnsafeBytes(of: value.bitPattern.littleEndian) { append(Array($0)) }
  }

  /// A text.
  mutating func add(_ field: Int, _ text: String) { add(field, Array(text.utf8)) }

  /// Bytes.
  mutating func add(_ field: Int, _ bytes: [UInt8]) {
    key(field, 2)
    varint(UInt64(bytes.count))
    append(bytes)
  }

  /// A message within this one.
  mutating func add(_ field: Int, _ message: ProtobufMessage) {
    key(field, 2)
    varint(UInt64(message.byteCount))
    for piece in message.pieces { append(piece) }
    append(message.last)
  }

  /// All of it.
  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(byteCount)
    for piece in pieces { bytes += piece }
    return bytes + last
  }

  private mutating func key(_ field: Int, _ wire: UInt64) { varint(UInt64(field) << 3 | wire) }

  /// Seven bits a byte, the lowest first; the eighth says that more follow.
  private mutating func varint(_ value: UInt64) {
    var (rest, bytes): (UInt64, [UInt8]) = (value, [])
    repeat {
      bytes.append(UInt8(rest & 0x7F) | (rest > 0x7F ? 0x80 : 0))
      rest >>= 7
    } while rest > 0
    append(bytes)
  }

  private mutating func append(_ bytes: [UInt8]) {
    byteCount += bytes.count
    if bytes.count < 1 << 16 {
      last += bytes
    } else {
      pieces += [last, bytes]
      last = []
    }
  }
}
