/// Makes plain UTF-8 of a file's bytes: checked, and with no white space but single blanks.
public struct TextCleaner: Sendable {
  /// Leaves nothing but small Latin letters: all else becomes a blank, as the notes clean The Time Machine.
  public var keepsLettersOnly = false
  /// Whether a blank stands between lines; the notes' characters run on.
  public var separatesLines = true
  /// Puts U+FFFD in the place of invalid bytes rather than refusing them.
  public var isLossy = false

  /// As most texts want it: every alphabet stays, a blank stands between lines, invalid bytes are an error.
  public init() {}

  /// The clean bytes, and how many lines there were.
  /// - Throws: `InputError` with the byte offset of invalid UTF-8.
  public func clean(_ bytes: [UInt8], path: String) throws -> (text: [UInt8], lineCount: Int) {
    let hasMark = bytes.starts(with: [0xEF, 0xBB, 0xBF])
    var lineCount = bytes.last.map { $0 == 0x0A ? 0 : 1 } ?? 0
    // No byte becomes more than one, but for invalid ones, whose replacement takes three.
    let room = bytes.count * (isLossy ? 3 : 1) + 1
    let text = try [UInt8](unsafeUninitializedCapacity: room) { buffer, filled in
      guard let base = buffer.baseAddress else { return }
      var sink = Sink(base: base)
      lineCount += try bytes.withUnsafeBufferPointer { source in
        try keepsLettersOnly
          ? letters(source, path, into: &sink) : everything(source, from: hasMark ? 3 : 0, path, into: &sink)
      }
      filled = sink.count
    }
    return (text, lineCount)
  }

  /// Where clean bytes go: an array would look after each byte whether it is still alone and large enough.
  private struct Sink {
    let base: UnsafeMutablePointer<UInt8>
    var count = 0
    var isEmpty: Bool { count == 0 }

    @inline(__always)
    mutating func append(_ byte: UInt8) {
      base[count] = byte
      count += 1
    }
  }

  /// `re.sub('[^A-Za-z]+', ' ', line).strip().lower()` of each line.
  private func letters(
    _ source: UnsafeBufferPointer<UInt8>, _ path: String, into result: inout Sink
  ) throws -> Int {
    var (lines, place) = (0, 0)
    var (needsBlank, isAtStart) = (false, true)
    while place < source.count {
      let byte = source[place]
      place += 1
      let small = byte | 0x20
      if small >= 0x61 && small <= 0x7A {
        if needsBlank { result.append(0x20) }
        result.append(small)
        (needsBlank, isAtStart) = (false, false)
      } else if byte == 0x0A {
        lines += 1
        (needsBlank, isAtStart) = (separatesLines && !result.isEmpty, true)
      } else {
        if !isAtStart { needsBlank = true }
        if byte >= 0x80 {
          let length = UTF8Decoding.scalar(source, at: place - 1)?.length
          guard let length = length ?? (isLossy ? 1 : nil) else { throw invalid(byte, at: place - 1, path) }
          place += length - 1
        }
      }
    }
    return lines
  }

  private func invalid(_ byte: UInt8, at place: Int, _ path: String) -> InputError {
    InputError(path, "byte \(place) (0x\(String(byte, radix: 16))) is no UTF-8; --lossy reads on with a replacement")
  }

  private func everything(
    _ source: UnsafeBufferPointer<UInt8>, from start: Int, _ path: String, into result: inout Sink
  ) throws -> Int {
    var lines = 0
    var needsBlank = false
    var place = start
    while place < source.count {
      let byte = source[place]
      if byte <= 0x20 || byte == 0x7F {
        if byte == 0x0A { lines += 1 }
        needsBlank = !result.isEmpty
        place += 1
        continue
      }
      if byte < 0x80 {
        if needsBlank { result.append(0x20) }
        result.append(byte)
        (needsBlank, place) = (false, place + 1)
        continue
      }
      guard let (scalar, length) = UTF8Decoding.scalar(source, at: place) else {
        guard isLossy else { throw invalid(byte, at: place, path) }
        if needsBlank { result.append(0x20) }
        for part in [0xEF, 0xBF, 0xBD] as [UInt8] { result.append(part) }
        (needsBlank, place) = (false, place + 1)
        continue
      }
      if UTF8Decoding.isBlank(scalar) {
        needsBlank = !result.isEmpty
      } else {
        if needsBlank { result.append(0x20) }
        needsBlank = false
        for offset in 0..<length { result.append(source[place + offset]) }
      }
      place += length
    }
    return lines
  }
}

/// UTF-8 by the byte.
enum UTF8Decoding {
  /// The scalar that begins at `place` and its bytes; nil for what is no UTF-8 (Unicode 15, table 3-7).
  @inline(__always)
  static func scalar(_ bytes: UnsafeBufferPointer<UInt8>, at place: Int) -> (scalar: UInt32, length: Int)? {
    let first = UInt32(bytes[place])
    if first < 0x80 { return (first, 1) }
    let length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2
    guard first >= 0xC2, first <= 0xF4, place + length <= bytes.count else { return nil }
    var scalar = first & (length == 2 ? 0x1F : length == 3 ? 0x0F : 0x07)
    for offset in 1..<length {
      let byte = UInt32(bytes[place + offset])
      guard byte & 0xC0 == 0x80 else { return nil }
      scalar = scalar << 6 | byte & 0x3F
    }
    let isShortest = length == 2 || scalar >= (length == 3 ? 0x800 : 0x1_0000)
    return isShortest && scalar <= 0x10_FFFF && !(0xD800..<0xE000).contains(scalar) ? (scalar, length) : nil
  }

  /// White space beyond ASCII's.
  static func isBlank(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF: true
    default: false
    }
  }
}
