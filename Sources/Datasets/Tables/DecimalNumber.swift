import Glibc

/// Decimal numbers in text, read exactly: the nearest double, as `strtod` finds it, without its price in the usual case.
enum DecimalNumber {
  /// 10⁰…10²², which doubles hold exactly.
  private static let powers: [Double] = (0...22).map { repeatElement(10, count: $0).reduce(1, *) }

  /// The number that all of `text` is, spaces around it left out; nil for anything else.
  ///
  /// Digits with a sign, a point and an exponent; `inf` and `infinity` in any case, as pandas reads them.
  static func parse(_ text: UnsafeBufferPointer<UInt8>) -> Double? {
    var bytes = text[...]
    while let first = bytes.first, isSpace(first) { bytes = bytes.dropFirst() }
    while let last = bytes.last, isSpace(last) { bytes = bytes.dropLast() }
    return powers.withUnsafeBufferPointer { parse(UnsafeBufferPointer(rebasing: bytes), $0) }
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

  private static func parse(_ bytes: UnsafeBufferPointer<UInt8>, _ powers: UnsafeBufferPointer<Double>) -> Double? {
    let count = bytes.count
    guard count > 0 else { return nil }
    var index = 0
    let isNegative = bytes[0] == UInt8(ascii: "-")
    if isNegative || bytes[0] == UInt8(ascii: "+") { index = 1 }
    var (mantissa, digits, exponent) = (UInt64(0), 0, 0)
    let start = index
    while index < count, case let digit = bytes[index] &- 0x30, digit < 10 {
      mantissa = mantissa &* 10 &+ UInt64(digit)
      index += 1
    }
    digits = index - start
    if index < count, bytes[index] == UInt8(ascii: ".") {
      index += 1
      let point = index
      while index < count, case let digit = bytes[index] &- 0x30, digit < 10 {
        mantissa = mantissa &* 10 &+ UInt64(digit)
        index += 1
      }
      exponent = point - index
      digits += index - point
    }
    if digits == 0 { return infinity(bytes) }
    if index < count {
      guard bytes[index] | 0x20 == UInt8(ascii: "e"), let power = wholeNumber(bytes, from: index + 1) else {
        return nil
      }
      exponent += power
    }
    // Both factors are exact, so the product or quotient is rounded once (Clinger 1990).
    guard digits <= 18, mantissa <= 1 << 53, abs(exponent) <= 22 else { return converted(bytes) }
    let magnitude = exponent < 0 ? Double(mantissa) / powers[-exponent] : Double(mantissa) * powers[exponent]
    return isNegative ? -magnitude : magnitude
  }

  /// The exponent that the bytes from `start` are, cut off where it makes no difference any more.
  private static func wholeNumber(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
    guard start < bytes.count else { return nil }
    let isNegative = bytes[start] == UInt8(ascii: "-")
    let first = isNegative || bytes[start] == UInt8(ascii: "+") ? start + 1 : start
    guard first < bytes.count else { return nil }
    var value = 0
    for index in first..<bytes.count {
      guard case let digit = bytes[index] &- 0x30, digit < 10 else { return nil }
      value = min(value * 10 + Int(digit), 1 << 40)
    }
    return isNegative ? -value : value
  }

  private static func infinity(_ bytes: UnsafeBufferPointer<UInt8>) -> Double? {
    guard bytes.count <= 9 else { return nil }
    var word = String(decoding: bytes, as: UTF8.self).lowercased()
    let isNegative = word.hasPrefix("-")
    if isNegative || word.hasPrefix("+") { word.removeFirst() }
    return word == "inf" || word == "infinity" ? (isNegative ? -.infinity : .infinity) : nil
  }

  /// The hard cases: many digits or large exponents.
  private static func converted(_ bytes: UnsafeBufferPointer<UInt8>) -> Double? {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: bytes.count + 1) { copy in
      for (index, byte) in bytes.enumerated() { copy[index] = CChar(truncatingIfNeeded: byte) }
      copy[bytes.count] = 0
      return copy.baseAddress.map { strtod($0, nil) }
    }
  }
}
