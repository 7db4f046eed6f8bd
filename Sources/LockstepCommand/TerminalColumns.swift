/// Text in columns of a terminal, where a Chinese, Japanese or Korean sign and most emoji are two wide.
extension String {
  private static let wide: [ClosedRange<UInt32>] = [
    0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF,
    0xFE30...0xFE6F,
    0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1FAFF, 0x20000...0x3FFFD,
  ]

  private static func columns(_ sign: Character) -> Int {
    guard let first = sign.unicodeScalars.first?.value, first >= 0x1100 else { return 1 }
    return wide.contains { $0.contains(first) } ? 2 : 1
  }

  /// How many columns it takes.
  var columns: Int { reduce(0) { $0 + Self.columns($1) } }

  /// The beginning of it that fits into so many columns.
  func cut(_ width: Int) -> String {
    var left = width
    return String(
      prefix { sign in
        left -= Self.columns(sign)
        return left >= 0
      })
  }

  /// With blanks behind it.
  func left(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - columns)) }

  /// With blanks before it.
  func right(_ width: Int) -> String { String(repeating: " ", count: max(0, width - columns)) + self }
}
