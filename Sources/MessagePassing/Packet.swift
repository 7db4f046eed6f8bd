/// What ranks tell each other beside tensors: numbers, texts, errors and what is made of them. A type of one's own
/// packs its properties and unpacks them in the same order.
public protocol Packable {
  /// Appends this value to the packet.
  func pack(into packet: inout Packet)
  /// Reads what `pack` wrote.
  init(from packet: inout Packet) throws
}

/// Values packed one behind the other in bytes, and taken out in the same order.
public struct Packet {
  /// What was packed so far: what travels.
  public private(set) var bytes: [UInt8]
  private var next = 0

  /// Empty, to pack into.
  public init() { bytes = [] }
  /// Received, to unpack from.
  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Appends a value.
  public mutating func pack(_ value: some Packable) { value.pack(into: &self) }
  /// Takes out the next value.
  ///
  /// - Throws: `MessagePassingError` where the bytes end within it.
  public mutating func unpack<Value: Packable>(_ type: Value.Type = Value.self) throws -> Value {
    try Value(from: &self)
  }

  /// Whether all was taken out.
  public var isAtEnd: Bool { next >= bytes.count }

  fileprivate mutating func append(_ word: UInt64) { withUnsafeBytes(of: word.littleEndian) { bytes += $0 } }

  fileprivate mutating func word() throws -> UInt64 {
    try take(8).enumerated().reduce(0) { $0 | UInt64($1.element) << UInt64(8 * $1.offset) }
  }

  fileprivate mutating func append(text: String) {
    append(UInt64(text.utf8.count))
    bytes += text.utf8
  }

  /// The next bytes; another version of this program may have packed something else.
  fileprivate mutating func take(_ count: Int) throws -> ArraySlice<UInt8> {
    guard count >= 0, count <= bytes.count - next else {
      throw MessagePassingError(.mismatch, "unpack", "\(bytes.count) bytes end within a value", rank: nil)
    }
    defer { next += count }
    return bytes[next..<next + count]
  }
}

extension UInt64: Packable {
  public func pack(into packet: inout Packet) { packet.append(self) }
  public init(from packet: inout Packet) throws { self = try packet.word() }
}

extension Int: Packable {
  public func pack(into packet: inout Packet) { packet.append(UInt64(bitPattern: Int64(self))) }
  public init(from packet: inout Packet) throws { self = Int(truncatingIfNeeded: try packet.word()) }
}

/// Bit for bit.
extension Double: Packable {
  public func pack(into packet: inout Packet) { packet.append(bitPattern) }
  public init(from packet: inout Packet) throws { self.init(bitPattern: try packet.word()) }
}

extension Float: Packable {
  public func pack(into packet: inout Packet) { packet.append(UInt64(bitPattern)) }
  public init(from packet: inout Packet) throws {
    self.init(bitPattern: UInt32(truncatingIfNeeded: try packet.word()))
  }
}

extension String: Packable {
  public func pack(into packet: inout Packet) { packet.append(text: self) }
  public init(from packet: inout Packet) throws {
    let count = try packet.unpack(Int.self)
    self.init(decoding: try packet.take(count), as: UTF8.self)
  }
}

extension Array: Packable where Element: Packable {
  public func pack(into packet: inout Packet) {
    packet.pack(count)
    for element in self { packet.pack(element) }
  }
  public init(from packet: inout Packet) throws {
    let count = try packet.unpack(Int.self)
    self.init()
    for _ in 0..<Swift.max(0, count) { append(try packet.unpack()) }
  }
}

extension Optional: Packable where Wrapped: Packable {
  public func pack(into packet: inout Packet) { packet.pack(map { [$0] } ?? []) }
  public init(from packet: inout Packet) throws { self = try packet.unpack([Wrapped].self).first }
}

extension Communicator {
  /// Tells all ranks a value; returns every rank's, in the order of the ranks.
  public func tellAll<Value: Packable>(_ value: Value) throws -> [Value] {
    var packet = Packet()
    packet.pack(value)
    return try allGather(packet.bytes).map { bytes in
      var received = Packet(bytes)
      return try received.unpack()
    }
  }
}
