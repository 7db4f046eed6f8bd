/// A protocol buffer message that is being written, field by field: the few kinds of field that event files need.
struct ProtocolMessage {
  private(set) var bytes: [UInt8] = []

  /// An integer.
  mutating func set(_ field: Int, _ value: Int) {
    key(field, 0)
    varint(UInt64(bitPattern: Int64(value)))
  }

  mutating func set(_ field: Int, _ value: Double) {
    key(field, 1)
    append(value.bitPattern)
  }

  mutating func set(_ field: Int, _ value: Float) {
    key(field, 5)
    append(value.bitPattern)
  }

  mutating func set(_ field: Int, _ value: [UInt8]) {
    key(field, 2)
    varint(UInt64(value.count))
    bytes += value
  }

  mutating func set(_ field: Int, _ value: String) { set(field, Array(value.utf8)) }

  /// Packed numbers.
  mutating func set(_ field: Int, _ values: [Double]) {
    var packed = ProtocolMessage()
    for value in values { packed.append(value.bitPattern) }
    set(field, packed.bytes)
  }

  /// A message within this one.
  mutating func set(_ field: Int, _ fill: (inout ProtocolMessage) -> Void) {
    var inner = ProtocolMessage()
    fill(&inner)
    set(field, inner.bytes)
  }

  private mutating func key(_ field: Int, _ kind: UInt64) { varint(UInt64(field) << 3 | kind) }

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private mutating func append(_ number: some FixedWidthInteger) {
    withUnsafeBytes(of: number.littleEndian) { bytes += $0 }
  }
}
