/// Largest elements of rows.
public enum RowMaximum {
  /// `result[row] = max input[row, ·]`, in four partial maxima so that no comparison waits for the one before. NaN is passed
  /// over, unless it comes first.
  @inlinable
  public static func maximum<Scalar: BinaryFloatingPoint>(
    rows: Int, count: Int, _ input: UnsafePointer<Scalar>, into result: UnsafeMutablePointer<Scalar>
  ) {
    if count == 0 { return }
    for row in 0..<rows {
      let source = input + row * count
      var (a, b, c, d) = (source[0], source[0], source[0], source[0])
      var i = 0
      while i + 4 <= count {
        a = source[i] > a ? source[i] : a
        b = source[i + 1] > b ? source[i + 1] : b
        c = source[i + 2] > c ? source[i + 2] : c
        d = source[i + 3] > d ? source[i + 3] : d
        i += 4
      }
      while i < count {
        a = source[i] > a ? source[i] : a
        i += 1
      }
      let (left, right) = (b > a ? b : a, d > c ? d : c)
      result[row] = right > left ? right : left
    }
  }
}

/// Sums of rows.
public enum RowSum {
  /// `result[row] = Σ input[row, ·]`, in 16 partial sums that are added in a fixed tree: vectorised, and with a rounding
  /// error that grows with the row's length divided by 16.
  @inlinable
  public static func sum<Scalar: BinaryFloatingPoint & SIMDScalar>(
    rows: Int, count: Int, _ input: UnsafePointer<Scalar>, into result: UnsafeMutablePointer<Scalar>
  ) {
    let whole = count & ~15
    for row in 0..<rows {
      let source = input + row * count
      var partial = SIMD16<Scalar>(repeating: 0)
      var i = 0
      while i < whole {
        partial += SIMD16(at: source + i)
        i += 16
      }
      let eight = partial.lowHalf + partial.highHalf
      let four = eight.lowHalf + eight.highHalf
      let two = four.lowHalf + four.highHalf
      var total = two.x + two.y
      while i < count {
        total += source[i]
        i += 1
      }
      result[row] = total
    }
  }
}
