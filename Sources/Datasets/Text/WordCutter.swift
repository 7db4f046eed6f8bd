/// Cuts a text into the words that byte pairs are merged within: letters, digits or other signs with the blank before them,
/// an apostrophe's ending, and white space but for the blank that goes to the next word. GPT-2's pattern,
/// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`, of any bytes: those that are no UTF-8 are
/// signs. Every byte is in a word.
final class WordCutter {
  /// Bytes of a word; longer ones are cut here, at a whole character.
  static let longestWord = 1 << 16

  private enum Kind: UInt8 {
    case unknown, letter, number, blank, sign
  }

  /// Of all scalars, looked up when they are first seen.
  private var kinds = [UInt8](repeating: Kind.unknown.rawValue, count: 0x11_0000)

  /// The end of the word that begins at `start`, before `limit`; nil where more of the text must be known. `limit` is behind a
  /// whole character.
  func end(of text: UnsafeBufferPointer<UInt8>, from start: Int, limit: Int, isLast: Bool) -> Int? {
    if text[start] == 0x27 {
      if !isLast && start + 3 > limit { return nil }
      if let length = Self.ending(text[start..<min(start + 3, limit)]) { return start + length }
    }
    var (end, first) = (start, character(text, at: start))
    if text[start] == 0x20 {
      guard start + 1 < limit else { return isLast ? limit : nil }
      let next = character(text, at: start + 1)
      if next.kind != .blank { (end, first) = (start + 1, next) }
    }
    end += first.length
    var last = first.length
    while end < limit {
      let next = character(text, at: end)
      if next.kind != first.kind { break }
      if end + next.length - start > Self.longestWord { return end }
      (end, last) = (end + next.length, next.length)
    }
    if end == limit { return isLast ? end : nil }
    // The last white space before a word is the word's.
    return first.kind == .blank && end - last > start ? end - last : end
  }

  /// Hands all words of a text that is there as a whole to `body`.
  func forEachWord(of text: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Void) {
    var start = 0
    while start < text.count, let end = end(of: text, from: start, limit: text.count, isLast: true) {
      body(UnsafeBufferPointer(rebasing: text[start..<end]))
      start = end
    }
  }

  /// The bytes of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d`; nil for no such ending.
  private static func ending(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> Int? {
    guard text.count > 1 else { return nil }
    let first = text[text.startIndex + 1]
    if first == 0x73 || first == 0x74 || first == 0x6D || first == 0x64 { return 2 }
    guard text.count > 2 else { return nil }
    let second = text[text.startIndex + 2]
    let isEnding = (first == 0x72 || first == 0x76) && second == 0x65 || first == 0x6C && second == 0x6C
    return isEnding ? 3 : nil
  }

  @inline(__always)
  private func character(_ text: UnsafeBufferPointer<UInt8>, at place: Int) -> (kind: Kind, length: Int) {
    guard let (scalar, length) = UTF8Decoding.scalar(text, at: place) else { return (.sign, 1) }
    if let known = Kind(rawValue: kinds[Int(scalar)]), known != .unknown { return (known, length) }
    let kind = Self.kind(of: scalar)
    kinds[Int(scalar)] = kind.rawValue
    return (kind, length)
  }

  private static func kind(of number: UInt32) -> Kind {
    guard let properties = Unicode.Scalar(number)?.properties else { return .sign }
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: return .letter
    case .decimalNumber, .letterNumber, .otherNumber: return .number
    default: return properties.isWhitespace ? .blank : .sign
    }
  }
}
