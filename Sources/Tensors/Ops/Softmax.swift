import Kernels

extension Tensor {
  /// `exp xᵢ / Σ exp xⱼ` along an axis; derivative `y (g - Σ g y)`.
  public final func softmax(_ axis: Int = -1) -> Tensor {
    attempt(as: nil, floatType) {
      if try shape.axis(axis, for: "softmax") != rank - 1 { return transposed(axis).softmax().transposed(axis) }
      let result = try exponentialShares()
      let kept = result.detached()
      return result.recorded([self], needing: kept, as: TracedOperation("Softmax", ["axis": -1])) { gradient in
        let weighted = gradient * kept
        return [weighted - kept * weighted.sum(-1, keepingAxes: true)]
      }
    }
  }

  /// `ln softmax` along an axis, exact where the softmax itself would vanish; derivative `g - softmax Σ g`.
  public final func logSoftmax(_ axis: Int = -1) -> Tensor {
    // Shifted before the logarithm is taken off, so that large values keep their digits.
    let shifted = self - detached().max(axis, keepingAxes: true)
    return (shifted - shifted.exp().sum(axis, keepingAxes: true).log())
      .traced([self], as: TracedOperation("LogSoftmax", ["axis": .int(axis)]))
  }

  /// `ln Σ exp x` along the given axes; derivative the softmax.
  public final func logSumExp(_ axes: [Int] = [-1], keepingAxes: Bool = false) -> Tensor {
    attempt(as: shape.reduced(axes, keepingAxes: keepingAxes), floatType) {
      try logarithm(axes, keepingAxes)
    }
  }

  private final func logarithm(_ axes: [Int], _ keepingAxes: Bool) throws -> Tensor {
    let largest =
      axes.count == 1 ? detached().max(axes[0], keepingAxes: true) : detached().max(axes, keepingAxes: true)
    // An infinite peak would turn all of its row into NaN; a finite one leaves the infinities what they are.
    let bound = dtype == .float64 ? Double.greatestFiniteMagnitude : Double(Float.greatestFiniteMagnitude)
    let peak = largest.to(floatType).clamped(-bound, bound)
    let total = (self - peak).exp().sum(axes, keepingAxes: true).log() + peak
    if keepingAxes { return total }
    let reduced = Set(try axes.map { try shape.axis($0, for: "logSumExp") })
    return total.reshaped(Shape(shape.indices.filter { !reduced.contains($0) }.map { shape[$0] }))
  }

  /// `exp(x - max x)` along the last axis, divided by its sum. Not recorded.
  private final func exponentialShares() throws -> Tensor {
    let (_, powers) = try powersOfRows()
    return powers / powers.sum(-1, keepingAxes: true)
  }

  /// `x - max x` along the last axis, and `exp` of that. Not recorded.
  final func powersOfRows() throws -> (shifted: Tensor, powers: Tensor) {
    let source = to(floatType).packed()
    let columns = shape.last ?? 1
    if columns == 0 { throw TensorError("softmax", "the last axis of shape \(shape) is empty") }
    let largest = try Tensor(uninitialized: Shape(shape.extents.dropLast() + [1]), source.dtype)
    let rows = source.elementCount / columns
    if source.dtype == .float32 {
      try RowMaximum.maximum(rows: rows, count: columns, source.pointer(Float.self), into: largest.pointer(Float.self))
    } else {
      try RowMaximum.maximum(
        rows: rows, count: columns, source.pointer(Double.self), into: largest.pointer(Double.self))
    }
    let shifted = source - largest
    return (shifted, shifted.exp())
  }
}
