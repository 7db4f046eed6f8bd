import HDF5Files

/// Makes plain UTF-8 of a file's bytes: checked, and with no white space but single blanks.
public struct TextCleaner: Sendable {
  /// Leaves nothing but small Latin letters: all else becomes a blank, as the notes clean The Time Machine.
  public var keepsLettersOnly = false
  /// Whether a blank stands between lines; the notes' characters run on.
  public var separatesLines = true
  /// Puts U+FFFD in the place of invalid bytes rather than refusing them.
  public var isLossy = false
  /// Leaves the text as it is, line breaks and all; goes before all else but letters.
  public var keepsAll = false
  /// Takes bytes that are no UTF-8 as they are, where all is kept.
  var takesAnyBytes = false

  /// As most texts want it: every alphabet stays, a blank stands between lines, invalid bytes are an error.
  public init() {}

  /// The clean bytes, and how many lines there were.
  /// - Throws: `InputError` with the byte offset of invalid UTF-8.
  public func clean(_ bytes: [UInt8], path: String) throws -> (text: [UInt8], lineCount: Int) {
    var stream = TextCleaning(self, path: path)
    let text = try [UInt8](unsafeUninitializedCapacity: stream.room(for: bytes.count)) { buffer, filled in
      guard let base = buffer.baseAddress else { return }
      _ = try bytes.withUnsafeBufferPointer { try stream.clean($0, isLast: true, into: base, &filled) }
    }
    return (text, stream.lineCount)
  }
}

/// The cleaning of a text that comes in pieces.
struct TextCleaning {
  private let cleaner: TextCleaner
  private let path: String
  /// Bytes that were cleaned before.
  private var offset = 0
  private var lines = 0
  private var lastByte: UInt8 = 0x0A
  /// Whether a blank stands before what comes next.
  private var needsBlank = false
  /// Whether nothing has come of the present line.
  private var isAtStart = true
  /// Whether nothing has come at all.
  private var isEmpty = true

  init(_ cleaner: TextCleaner, path: String) { (self.cleaner, self.path) = (cleaner, path) }

  /// Lines so far; the last one need not end.
  var lineCount: Int { lines + (lastByte == 0x0A ? 0 : 1) }

  /// Bytes that so many may become. No byte becomes more than one, but for invalid ones, whose replacement takes three; a
  /// blank of the piece before may come in addition.
  func room(for count: Int) -> Int { count * (cleaner.isLossy ? 3 : 1) + 1 }

  /// Where clean bytes go: an array would look after each byte whether it is still alone and large enough.
  private struct Sink {
    let base: UnsafeMutablePointer<UInt8>
    var count = 0

    @inline(__always)
    mutating func append(_ byte: UInt8) {
      base[count] = byte
      count += 1
    }
  }

  /// Cleans a piece into `room(for:)` bytes. Gives how many of its bytes are done: a character that does not end in the
  /// piece is left for the next one, unless this is the last.
  mutating func clean(
    _ source: UnsafeBufferPointer<UInt8>, isLast: Bool, into target: UnsafeMutablePointer<UInt8>, _ filled: inout Int
  ) throws -> Int {
    var sink = Sink(base: target)
    let hasMark = offset == 0 && source.starts(with: [0xEF, 0xBB, 0xBF])
    let end = isLast ? source.count : UTF8Decoding.wholeCharacters(source)
    let whole = UnsafeBufferPointer(rebasing: source[..<end])
    // (Letters pass over the mark as over all else.)
    if cleaner.keepsLettersOnly {
      try letters(whole, into: &sink)
    } else if cleaner.keepsAll {
      try copy(whole, from: hasMark && !cleaner.takesAnyBytes ? 3 : 0, into: &sink)
    } else {
      try everything(whole, from: hasMark ? 3 : 0, into: &sink)
    }
    if let last = whole.last { lastByte = last }
    offset += end
    if sink.count > 0 { isEmpty = false }
    filled = sink.count
    return end
  }

  /// `re.sub('[^A-Za-z]+', ' ', line).strip().lower()` of each line.
  private mutating func letters(_ source: UnsafeBufferPointer<UInt8>, into result: inout Sink) throws {
    var place = 0
    var (needsBlank, isAtStart, lines) = (self.needsBlank, self.isAtStart, self.lines)
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
        (needsBlank, isAtStart) = (cleaner.separatesLines && !(isEmpty && result.count == 0), true)
      } else {
        if !isAtStart { needsBlank = true }
        if byte >= 0x80 {
          let length = UTF8Decoding.scalar(source, at: place - 1)?.length
          guard let length = length ?? (cleaner.isLossy ? 1 : nil) else { throw invalid(byte, at: place - 1) }
          place += length - 1
        }
      }
    }
    (self.needsBlank, self.isAtStart, self.lines) = (needsBlank, isAtStart, lines)
  }

  /// As it is, checked unless any bytes will do.
  private mutating func copy(
    _ source: UnsafeBufferPointer<UInt8>, from start: Int, into result: inout Sink
  ) throws {
    var place = start
    while place < source.count {
      let byte = source[place]
      if byte == 0x0A { lines += 1 }
      if byte == 0, !cleaner.takesAnyBytes {
        throw InputError(
          path, "byte \(offset + place) is 0, which can't be spelt in a vocabulary; --token byte takes it")
      }
      guard byte >= 0x80, !cleaner.takesAnyBytes else {
        result.append(byte)
        place += 1
        continue
      }
      if let length = UTF8Decoding.scalar(source, at: place)?.length {
        for offset in 0..<length { result.append(source[place + offset]) }
        place += length
      } else {
        guard cleaner.isLossy else { throw invalid(byte, at: place) }
        for part in [0xEF, 0xBF, 0xBD] as [UInt8] { result.append(part) }
        place += 1
      }
    }
  }

  private func invalid(_ byte: UInt8, at place: Int) -> InputError {
    InputError(
      path, "byte \(offset + place) (0x\(String(byte, radix: 16))) is no UTF-8; --lossy reads on with a replacement")
  }

  private mutating func everything(
    _ source: UnsafeBufferPointer<UInt8>, from start: Int, into result: inout Sink
  ) throws {
    var place = start
    var (needsBlank, lines) = (self.needsBlank, self.lines)
    while place < source.count {
      let byte = source[place]
      if byte <= 0x20 || byte == 0x7F {
        if byte == 0x0A { lines += 1 }
        needsBlank = !(isEmpty && result.count == 0)
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
        guard cleaner.isLossy else { throw invalid(byte, at: place) }
        if needsBlank { result.append(0x20) }
        for part in [0xEF, 0xBF, 0xBD] as [UInt8] { result.append(part) }
        (needsBlank, place) = (false, place + 1)
        continue
      }
      if UTF8Decoding.isBlank(scalar) {
        needsBlank = !(isEmpty && result.count == 0)
      } else {
        if needsBlank { result.append(0x20) }
        needsBlank = false
        for offset in 0..<length { result.append(source[place + offset]) }
      }
      place += length
    }
    (self.needsBlank, self.lines) = (needsBlank, lines)
  }
}

extension TextCleaner {
  /// Cleans the file at `path` piece by piece; `onStoredBytes` sees its bytes as they lie there. Gives how many lines there
  /// were.
  func forEachPiece(
    of path: String, pieceBytes: Int = 1 << 20, onStoredBytes: (UnsafeRawBufferPointer) -> Void,
    _ body: (UnsafeBufferPointer<UInt8>) throws -> Void
  ) throws -> Int {
    let file = try InputFile(path)
    var cleaning = TextCleaning(self, path: path)
    let source = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: pieceBytes)
    let target = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: cleaning.room(for: pieceBytes))
    defer {
      source.deallocate()
      target.deallocate()
    }
    guard let start = target.baseAddress else { return 0 }
    var kept = 0
    while true {
      let room = UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: source[kept...]))
      let count = try file.read(into: room)
      onStoredBytes(UnsafeRawBufferPointer(rebasing: room[..<count]))
      let piece = UnsafeBufferPointer(rebasing: source[..<(kept + count)])
      var filled = 0
      let done = try cleaning.clean(piece, isLast: count == 0, into: start, &filled)
      if filled > 0 { try body(UnsafeBufferPointer(start: start, count: filled)) }
      if count == 0 { return cleaning.lineCount }
      kept = piece.count - done
      for index in 0..<kept { source[index] = piece[done + index] }
    }
  }
}

/// UTF-8 by the byte.
enum UTF8Decoding {
  /// Bytes up to the last character that may not be complete.
  static func wholeCharacters(_ source: UnsafeBufferPointer<UInt8>) -> Int {
    for back in 1...3 where back <= source.count {
      let byte = source[source.count - back]
      // A first byte of a character of more bytes than are there.
      if byte >= 0xC0 { return (byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2) > back ? source.count - back : source.count }
      if byte < 0x80 { break }
    }
    return source.count
  }

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
