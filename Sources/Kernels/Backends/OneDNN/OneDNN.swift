import CDNNL

/// Kernels of Intel's oneDNN, compiled for the processor at hand, beside plain loops where those measure faster.
public struct OneDNN: Backend {
  /// Whether the library and the processor have Winograd kernels: oneDNN 2 and AVX-512.
  public static let hasWinograd = lockstep_dnnl_major() < 3 && lockstep_vector_lanes() == 16

  /// Whether the processor has what its bf16 needs.
  public static let hasHalf = lockstep_has_bf16() != 0

  let options: KernelOptions

  /// Kernels in the options' precision, by their convolution method; their backend and threads are not looked at.
  public init(_ options: KernelOptions = KernelOptions()) { self.options = options }

  public var precision: Precision { options.precision }

  /// By sgemm, which measures faster than OpenBLAS here.
  public func multiply(
    rows: Int, columns: Int, inner: Int, _ left: MatrixOperand, _ right: MatrixOperand, into result: Floats,
    accumulating: Bool
  ) throws {
    if rows == 0 || columns == 0 { return }
    if inner == 0 {
      if !accumulating { result.update(repeating: 0, count: rows * columns) }
      return
    }
    let status = dnnl_sgemm(
      left.flag, right.flag, Int64(rows), Int64(columns), Int64(inner), 1, left.data, Int64(left.rowStride),
      right.data, Int64(right.rowStride), accumulating ? 1 : 0, result, Int64(columns))
    guard status == dnnl_success else {
      throw KernelError(operation: "matrix product", detail: "[\(rows), \(inner)] · [\(inner), \(columns)] failed")
    }
  }
}

extension MatrixOperand {
  fileprivate var flag: CChar { CChar(bitPattern: UInt8(ascii: isTransposed ? "T" : "N")) }
}
