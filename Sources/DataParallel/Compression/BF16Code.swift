/// The upper half of a float32: its sign, its exponent and seven bits, rounded to the nearest, to the even one of two.
/// Two bytes an element.
public struct BF16Code: GradientCode {
  public let block = 1

  /// Has no settings.
  public init() {}

  public func byteCount(of count: Int) -> Int { 2 * count }

  public func encode(
    _ values: UnsafeBufferPointer<Float>, into code: UnsafeMutableRawPointer, losing loss: UnsafeMutablePointer<Float>
  ) {
    guard let source = values.baseAddress else { return }
    let halves = code.assumingMemoryBound(to: UInt16.self)
    for i in 0..<values.count {
      let half = Self.half(source[i])
      halves[i] = half
      loss[i] = source[i] - Self.float(half)
    }
  }

  public func decode(_ code: UnsafeRawPointer, into values: UnsafeMutableBufferPointer<Float>, adding: Bool) {
    guard let target = values.baseAddress else { return }
    let halves = code.assumingMemoryBound(to: UInt16.self)
    if adding {
      for i in 0..<values.count { target[i] += Self.float(halves[i]) }
    } else {
      for i in 0..<values.count { target[i] = Self.float(halves[i]) }
    }
  }

  @inline(__always) static func half(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    let rounded = (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16
    // Rounding could carry a NaN's bits into the sign.
    let isNaN = bits & 0x7FFF_FFFF > 0x7F80_0000
    return UInt16(truncatingIfNeeded: isNaN ? bits >> 16 | 0x40 : rounded)
  }

  @inline(__always) static func float(_ half: UInt16) -> Float { Float(bitPattern: UInt32(half) << 16) }
}
