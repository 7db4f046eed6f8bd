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
