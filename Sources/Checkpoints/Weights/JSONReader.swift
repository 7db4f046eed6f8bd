/// Reads JSON of files that may lie, byte by byte: it takes no more memory than the text has, however deep that goes, and
/// every fault has its place.
struct JSONReader {
  /// What is skipped may be nested so deep.
  private static let deepest = 32

  private let bytes: [UInt8]
  private var next = 0
  /// Makes an error of a place and what is wrong there.
  private let fault: (_ place: Int, _ what: String) -> CheckpointError

  init(_ bytes: [UInt8], fault: @escaping (_ place: Int, _ what: String) -> CheckpointError) {
    (self.bytes, self.fault) = (bytes, fault)
  }

  /// The place of what comes next.
  var place: Int {
    mutating get {
      while next < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[next]) { next += 1 }
      return next
    }
  }

  /// An error at a place of the text.
  func failure(at place: Int, _ what: String) -> CheckpointError { fault(place, what) }

  private mutating func peek() -> UInt8? { place < bytes.count ? bytes[next] : nil }

  /// Takes a sign if it comes next.
  private mutating func takes(_ sign: Unicode.Scalar) -> Bool {
    guard peek() == UInt8(ascii: sign) else { return false }
    next += 1
    return true
  }

  private mutating func expect(_ sign: Unicode.Scalar) throws {
    if !takes(sign) { throw unexpected("'\(sign)'") }
  }

  private mutating func unexpected(_ wanted: String) -> CheckpointError {
    let found = peek().map { (0x21..<0x7F).contains($0) ? "'\(Unicode.Scalar($0))'" : "byte \($0)" } ?? "the end"
    return fault(next, "expected \(wanted), found \(found)")
  }

  /// Throws unless nothing but white space is left.
  mutating func end() throws { if place < bytes.count { throw unexpected("the end") } }

  /// The members of an object, each name once; `body` reads the value.
  mutating func members(_ body: (_ name: String, _ reader: inout JSONReader) throws -> Void) throws {
    try expect("{")
    if takes("}") { return }
    var names: Set<String> = []
    repeat {
      let start = place
      let name = try string()
      guard names.insert(name).inserted else { throw fault(start, "a second \(name.debugDescription)") }
      try expect(":")
      try body(name, &self)
    } while takes(",")
    try expect("}")
  }

  /// A list of whole numbers, none of them negative.
  mutating func integers() throws -> [Int] {
    try expect("[")
    if takes("]") { return [] }
    var result: [Int] = []
    repeat { result.append(try integer()) } while takes(",")
    try expect("]")
    return result
  }

  /// A whole number that is not negative.
  private mutating func integer() throws -> Int {
    let start = place
    var (value, overflows) = (0, false)
    while next < bytes.count, (0x30...0x39).contains(bytes[next]) {
      let (tens, tooMany) = value.multipliedReportingOverflow(by: 10)
      let (sum, tooLarge) = tens.addingReportingOverflow(Int(bytes[next]) - 0x30)
      (value, overflows) = (sum, overflows || tooMany || tooLarge)
      next += 1
    }
    let isFraction =
      next < bytes.count && [UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E")].contains(bytes[next])
    if next == start || isFraction {
      next = start
      throw unexpected("a whole number from 0 on")
    }
    if overflows { throw fault(start, "a number past 2^63") }
    return value
  }

  /// A text.
  mutating func string() throws -> String {
    try expect("\"")
    let start = next - 1
    var text: [UInt8] = []
    while next < bytes.count {
      let byte = bytes[next]
      next += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let string = String(validating: text, as: UTF8.self) else {
          throw fault(start, "a text that is no UTF-8")
        }
        return string
      case UInt8(ascii: "\\"): text += try escaped()
      case 0..<0x20: throw fault(next - 1, "byte \(byte) within a text")
      default: text.append(byte)
      }
    }
    throw fault(start, "a text without its end")
  }

  private mutating func escaped() throws -> [UInt8] {
    let start = next - 1
    guard next < bytes.count else { throw fault(start, "a text without its end") }
    next += 1
    switch bytes[next - 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [bytes[next - 1]]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "u"): break
    default: throw fault(start, "an escape that JSON does not know")
    }
    var value = try hexadecimal()
    // Past the first 65,536 characters two of them make one.
    if (0xD800..<0xDC00).contains(value), bytes[next...].starts(with: Array("\\u".utf8)) {
      next += 2
      let low = try hexadecimal()
      if (0xDC00..<0xE000).contains(low) { value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00) }
    }
    guard let scalar = Unicode.Scalar(value) else { throw fault(start, "half a character") }
    return Array(String(scalar).utf8)
  }

  private mutating func hexadecimal() throws -> UInt32 {
    let digits = bytes[next...].prefix(4)
    next += digits.count
    guard digits.count == 4, digits.allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }),
      let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    else { throw fault(next - digits.count, "expected four hexadecimal digits") }
    return value
  }

  /// Passes over any value.
  mutating func skip(depth: Int = 0) throws {
    if depth > Self.deepest { throw fault(place, "values nested deeper than \(Self.deepest)") }
    switch peek() {
    case UInt8(ascii: "{"): try members { try $1.skip(depth: depth + 1) }
    case UInt8(ascii: "["):
      next += 1
      if takes("]") { return }
      repeat { try skip(depth: depth + 1) } while takes(",")
      try expect("]")
    case UInt8(ascii: "\""): _ = try string()
    default:
      let start = next
      while next < bytes.count, Self.isOfWord(bytes[next]) { next += 1 }
      let word = String(decoding: bytes[start..<next], as: UTF8.self)
      if !["true", "false", "null"].contains(word) && Double(word) == nil {
        next = start
        throw unexpected("a value")
      }
    }
  }

  /// Whether a byte may be in a number, or in `true`, `false` and `null`.
  private static func isOfWord(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || byte == UInt8(ascii: "E")
      || [UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: ".")].contains(byte)
  }
}
