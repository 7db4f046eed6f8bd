import Kernels

/// Whole numbers from -127 to 127 times a scale that each block of 256 elements has for itself: its largest magnitude by 127.
/// A byte an element, and four a block for the scale, which come first.
public struct Int8Code: GradientCode {
  public let block = 256
  /// Added to a small number it leaves the nearest whole one, the even of two, in the lowest bits.
  private static let magic: Float = 12_582_912
  private static let scaleBytes = MemoryLayout<Float>.size

  /// Has no settings.
  public init() {}

  public func byteCount(of count: Int) -> Int { count + (count + block - 1) / block * Self.scaleBytes }

  public func encode(
    _ values: UnsafeBufferPointer<Float>, into code: UnsafeMutableRawPointer, losing loss: UnsafeMutablePointer<Float>
  ) {
    guard let source = values.baseAddress else { return }
    var code = code
    for start in stride(from: 0, to: values.count, by: block) {
      let count = min(block, values.count - start)
      let scale = Self.scale(of: source + start, count)
      code.storeBytes(of: scale, as: Float.self)
      let numbers = (code + Self.scaleBytes).assumingMemoryBound(to: Int8.self)
      // A block of zeros has no scale to divide by; one that is not finite keeps its NaN for every element.
      let inverse = scale > 0 ? 1 / scale : 0
      let (from, lost) = (source + start, loss + start)
      for i in 0..<count {
        let number = (from[i] * inverse + Self.magic) - Self.magic
        lost[i] = from[i] - number * scale
        numbers[i] = Int8(truncatingIfNeeded: (number + Self.magic).bitPattern)
      }
      code += Self.scaleBytes + count
    }
  }

  public func decode(_ code: UnsafeRawPointer, into values: UnsafeMutableBufferPointer<Float>, adding: Bool) {
    guard let target = values.baseAddress else { return }
    var code = code
    for start in stride(from: 0, to: values.count, by: block) {
      let count = min(block, values.count - start)
      let scale = code.loadUnaligned(as: Float.self)
      let (numbers, to) = ((code + Self.scaleBytes).assumingMemoryBound(to: Int8.self), target + start)
      if adding {
        for i in 0..<count { to[i] += Float(numbers[i]) * scale }
      } else {
        for i in 0..<count { to[i] = Float(numbers[i]) * scale }
      }
      code += Self.scaleBytes + count
    }
  }

  /// 0 where the block's numbers are too small for one.
  private static func scale(of values: UnsafePointer<Float>, _ count: Int) -> Float {
    var (largest, poison) = (SIMD8<Float>.zero, SIMD8<Float>.zero)
    let whole = count & ~7
    for i in stride(from: 0, to: whole, by: 8) {
      let eight = SIMD8(at: values + i)
      largest = pointwiseMax(largest, pointwiseMax(eight, -eight))
      // 0, but NaN of what is not finite.
      poison += eight * 0
    }
    var (most, rest) = (largest.max(), poison.sum())
    for i in whole..<count {
      most = max(most, abs(values[i]))
      rest += values[i] * 0
    }
    guard rest == 0 else { return .nan }
    let scale = most / 127
    return scale >= .leastNormalMagnitude ? scale : 0
  }
}
