/// One factor of a matrix product as it lies in memory.
public struct MatrixOperand {
  /// The first element.
  public let data: ConstantFloats
  /// Whether the product uses the transpose of what lies in memory.
  public let isTransposed: Bool
  /// Elements from one row in memory to the next.
  public let rowStride: Int
  /// Where backends may keep what they make of it, if it is of weights.
  public let packed: PackedWeights?

  /// The stride is at least the number of columns as they lie in memory; more leaves gaps.
  public init(_ data: ConstantFloats, isTransposed: Bool, rowStride: Int, packed: PackedWeights? = nil) {
    self.data = data
    self.packed = packed
    self.isTransposed = isTransposed
    self.rowStride = rowStride
  }
}
