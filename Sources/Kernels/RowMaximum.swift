/// Largest elements of rows.
public enum RowMaximum {
  /// `result[row] = max input[row, ·]`, sixteen elements at a time. NaN is passed over, unless it comes first.
  @inlinable
  public static func maximum<Scalar: BinaryFloatingPoint & SIMDScalar>(
    rows: Int, count: Int, _ input: UnsafePointer<Scalar>, into result: UnsafeMutablePointer<Scalar>
  ) {
    if count == 0 { return }
    let whole = count & ~15
    for row in 0..<rows {
      let source = input + row * count
      var largest = source[0]
      if whole > 0 {
        var sixteen = SIMD16<Scalar>(repeating: largest)
        for start in stride(from: 0, to: whole, by: 16) {
          let next = UnsafeRawPointer(source + start).loadUnaligned(as: SIMD16<Scalar>.self)
          sixteen.replace(with: next, where: next .> sixteen)
        }
        for lane in sixteen.indices where sixteen[lane] > largest { largest = sixteen[lane] }
      }
      for i in whole..<count where source[i] > largest { largest = source[i] }
      result[row] = largest
    }
  }
}
