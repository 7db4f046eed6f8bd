/// The right factor of several products, as a backend likes it: what a sequence's steps are multiplied with.
public struct MatrixFactor {
  /// As it lies in memory; of a packed one, `data` is the first panel.
  public let operand: MatrixOperand
  /// Rows and columns.
  public let inner, columns: Int
  /// Whether it lies in panels, which only the backend knows that packed it.
  public let isPacked: Bool

  /// One as it lies.
  public init(_ operand: MatrixOperand, inner: Int, columns: Int) {
    (self.operand, self.inner, self.columns, isPacked) = (operand, inner, columns, false)
  }

  init(packed panels: ConstantFloats, inner: Int, columns: Int) {
    operand = MatrixOperand(panels, isTransposed: false, rowStride: columns)
    (self.inner, self.columns, isPacked) = (inner, columns, true)
  }
}
