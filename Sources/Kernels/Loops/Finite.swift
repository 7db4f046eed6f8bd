/// Whether numbers are finite, in one quick walk.
public enum Finite {
  /// Whether none of them is infinite or NaN. Anything else times 0 is 0, and stays so in a sum.
  @inlinable
  public static func all<Scalar: BinaryFloatingPoint & SIMDScalar>(
    _ values: UnsafePointer<Scalar>, count: Int
  ) -> Bool { sum(values, count) { $0 * 0 } == 0 }

  /// The sum of squares, in 16 partial sums of the numbers' own type: below any bound only where all numbers are, and finite.
  @inlinable
  public static func sumOfSquares<Scalar: BinaryFloatingPoint & SIMDScalar>(
    _ values: UnsafePointer<Scalar>, count: Int
  ) -> Scalar { sum(values, count) { $0 * $0 } }

  /// The sum of what a term makes of the numbers, 16 at a time; those behind them are followed by zeros.
  @inlinable @inline(__always)
  static func sum<Scalar: BinaryFloatingPoint & SIMDScalar>(
    _ values: UnsafePointer<Scalar>, _ count: Int, _ term: (SIMD16<Scalar>) -> SIMD16<Scalar>
  ) -> Scalar {
    let whole = count & ~15
    var sum = SIMD16<Scalar>(repeating: 0)
    var i = 0
    while i < whole {
      sum += term(SIMD16(at: values + i))
      i += 16
    }
    var rest = SIMD16<Scalar>(repeating: 0)
    while i < count {
      rest[i - whole] = values[i]
      i += 1
    }
    return (sum + term(rest)).sum()
  }
}
