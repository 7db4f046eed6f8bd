import CDNNL

/// Row-major matrix products on oneDNN's sgemm, which measures faster than OpenBLAS here.
public enum MatrixProduct {
  /// One factor as it lies in memory.
  public struct Operand<Scalar> {
    public let data: UnsafePointer<Scalar>
    /// Whether the product uses the transpose of what lies in memory.
    public let isTransposed: Bool
    /// Elements from one row in memory to the next.
    public let rowStride: Int

    public init(_ data: UnsafePointer<Scalar>, isTransposed: Bool, rowStride: Int) {
      self.data = data
      self.isTransposed = isTransposed
      self.rowStride = rowStride
    }
  }

  /// `result = left · right + (accumulating ? result : 0)`, with `left` `[rows, inner]`, `right` `[inner, columns]` and
  /// `result` `[rows, columns]` without gaps.
  public static func multiply(
    rows: Int, columns: Int, inner: Int, _ left: Operand<Float>, _ right: Operand<Float>,
    into result: UnsafeMutablePointer<Float>, accumulating: Bool = false
  ) throws {
    if rows == 0 || columns == 0 { return }
    if inner == 0 {
      if !accumulating { result.update(repeating: 0, count: rows * columns) }
      return
    }
    let status = dnnl_sgemm(
      flag(left), flag(right), Int64(rows), Int64(columns), Int64(inner), 1, left.data, Int64(left.rowStride),
      right.data, Int64(right.rowStride), accumulating ? 1 : 0, result, Int64(columns))
    guard status == dnnl_success else {
      throw KernelError(operation: "matrix product", detail: "[\(rows), \(inner)] · [\(inner), \(columns)] failed")
    }
  }

  private static func flag(_ operand: Operand<Float>) -> CChar {
    CChar(bitPattern: UInt8(ascii: operand.isTransposed ? "T" : "N"))
  }

  /// The naive twin, for any number type: the reference in tests, and the product of float64.
  public static func multiplyNaively<Scalar: Numeric>(
    rows: Int, columns: Int, inner: Int, _ left: Operand<Scalar>, _ right: Operand<Scalar>,
    into result: UnsafeMutablePointer<Scalar>, accumulating: Bool = false
  ) {
    for row in 0..<rows {
      for column in 0..<columns {
        var sum: Scalar = accumulating ? result[row * columns + column] : 0
        for k in 0..<inner {
          let a = left.data[left.isTransposed ? k * left.rowStride + row : row * left.rowStride + k]
          let b = right.data[right.isTransposed ? column * right.rowStride + k : k * right.rowStride + column]
          sum += a * b
        }
        result[row * columns + column] = sum
      }
    }
  }
}
