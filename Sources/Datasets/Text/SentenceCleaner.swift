/// Sentences as words, as the book's chapter on machine translation and its data set cleans them.
public enum Sentence {
  /// The words of a sentence, in small letters. White space of any kind separates words, and a word ends before each of
  /// `,` `.` `!` and `?`: `"Go.\u{202F}!"` gives `["go", ".", "!"]`.
  public static func words(_ text: String) -> [String] {
    var (text, clean) = (text, [UInt8]())
    _ = text.withUTF8 { append($0, to: &clean) }
    return clean.split(separator: 0x20).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Appends the words with a blank between each two. Gives the place of the first byte that is no UTF-8, where it stopped;
  /// nil for good, and for all that `isLossy` reads with a replacement.
  static func append(_ text: UnsafeBufferPointer<UInt8>, isLossy: Bool = false, to result: inout [UInt8]) -> Int? {
    let start = result.count
    var place = 0
    var needsBlank = false
    while place < text.count {
      let byte = text[place]
      if byte < 0x80 {
        place += 1
        if byte <= 0x20 || byte == 0x7F {
          needsBlank = true
          continue
        }
        if needsBlank || isMark(byte), result.count > start { result.append(0x20) }
        result.append(byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte)
        needsBlank = false
        continue
      }
      let found = UTF8Decoding.scalar(text, at: place)
      guard let (scalar, length) = found ?? (isLossy ? (0xFFFD, 1) : nil) else { return place }
      place += length
      if UTF8Decoding.isBlank(scalar) {
        needsBlank = true
        continue
      }
      if needsBlank, result.count > start { result.append(0x20) }
      needsBlank = false
      appendSmall(scalar, to: &result)
    }
    return nil
  }

  @inline(__always)
  private static func isMark(_ byte: UInt8) -> Bool { byte == 0x2C || byte == 0x2E || byte == 0x21 || byte == 0x3F }

  private static func appendSmall(_ number: UInt32, to result: inout [UInt8]) {
    let scalar = Unicode.Scalar(number) ?? "\u{FFFD}"
    if scalar.properties.changesWhenLowercased {
      result += scalar.properties.lowercaseMapping.utf8
    } else {
      result += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
    }
  }
}
