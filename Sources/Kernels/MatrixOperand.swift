/// One factor of a matrix product as it lies in memory.
public struct MatrixOperand {
  public let data: ConstantFloats
  /// Whether the product uses the transpose of what lies in memory.
  public let isTransposed: Bool
  /// Elements from one row in memory to the next.
  public let rowStride: Int

  public init(_ data: ConstantFloats, isTransposed: Bool, rowStride: Int) {
    self.data = data
    self.isTransposed = isTransposed
    self.rowStride = rowStride
  }
}
