/// Whether numbers are finite, in one quick walk.
public enum Finite {
  /// Whether none of them is infinite or NaN. Anything else times 0 is 0, and stays so in a sum.
  @inlinable
  public static func all<Scalar: BinaryFloatingPoint & SIMDScalar>(
    _ values: UnsafePointer<Scalar>, count: Int
  ) -> Bool {
    let whole = count & ~15
    var sum = SIMD16<Scalar>(repeating: 0)
    var i = 0
    while i < whole {
      sum += SIMD16(at: values + i) * 0
      i += 16
    }
    var rest: Scalar = 0
    while i < count {
      rest += values[i] * 0
      i += 1
    }
    return sum == SIMD16(repeating: 0) && rest == 0
  }

  /// The sum of squares, in 16 partial sums of the numbers' own type: below any bound only where all numbers are, and finite.
  @inlinable
  public static func sumOfSquares<Scalar: BinaryFloatingPoint & SIMDScalar>(
    _ values: UnsafePointer<Scalar>, count: Int
  ) -> Scalar {
    let whole = count & ~15
    var sum = SIMD16<Scalar>(repeating: 0)
    var i = 0
    while i < whole {
      let numbers = SIMD16(at: values + i)
      sum += numbers * numbers
      i += 16
    }
    var rest = sum.sum()
    while i < count {
      rest += values[i] * values[i]
      i += 1
    }
    return rest
  }
}
