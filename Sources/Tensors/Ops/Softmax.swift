import Kernels

extension Tensor {
  /// `exp xᵢ / Σ exp xⱼ` along an axis; derivative `y (g - Σ g y)`.
  public final func softmax(_ axis: Int = -1) throws -> Tensor {
    if try shape.axis(axis, for: "softmax") != rank - 1 { return try transposed(axis).softmax().transposed(axis) }
    let result = try exponentialShares()
    let kept = result.detached()
    return result.recorded([self]) { gradient in
      let weighted = try gradient * kept
      return [try weighted - kept * weighted.sum(-1, keepingAxes: true)]
    }
  }

  /// `ln softmax` along an axis, exact where the softmax itself would vanish; derivative `g - softmax Σ g`.
  public final func logSoftmax(_ axis: Int = -1) throws -> Tensor {
    // Shifted before the logarithm is taken off, so that large values keep their digits.
    let shifted = try self - detached().max(axis, keepingAxes: true)
    return try shifted - shifted.exp().sum(axis, keepingAxes: true).log()
  }

  /// `ln Σ exp x` along the given axes; derivative the softmax.
  public final func logSumExp(_ axes: [Int] = [-1], keepingAxes: Bool = false) throws -> Tensor {
    let largest =
      try axes.count == 1 ? detached().max(axes[0], keepingAxes: true) : detached().max(axes, keepingAxes: true)
    // An infinite peak would turn all of its row into NaN; a finite one leaves the infinities what they are.
    let bound = dtype == .float64 ? Double.greatestFiniteMagnitude : Double(Float.greatestFiniteMagnitude)
    let peak = try largest.clamped(-bound, bound)
    let total = try (self - peak).exp().sum(axes, keepingAxes: true).log() + peak
    if keepingAxes { return total }
    let reduced = Set(try axes.map { try shape.axis($0, for: "logSumExp") })
    return try total.reshaped(Shape(shape.indices.filter { !reduced.contains($0) }.map { shape[$0] }))
  }

  /// `-ln softmax(x)[label]` for each row of `[batch, classes]`, `[batch]`; labels int32 or int64 `[batch]`.
  /// Derivative `softmax - onehot(label)`, computed together with the value.
  public final func crossEntropy(_ labels: Tensor) throws -> Tensor {
    guard rank == 2, dtype.isFloat, labels.shape == [shape[0]], !labels.dtype.isFloat else {
      throw TensorError(
        "cross-entropy",
        "needs logits [batch, classes] and integer labels [batch], not \(shape) and \(labels.dtype) \(labels.shape)")
    }
    let classes = try labels.values(as: Int64.self)
    if let row = classes.firstIndex(where: { $0 < 0 || $0 >= shape[1] }) {
      throw TensorError("cross-entropy", "label \(classes[row]) in row \(row), but there are \(shape[1]) classes")
    }
    let (shifted, powers) = try powersOfRows()
    let sums = try powers.sum(-1, keepingAxes: true)
    let losses = try Tensor(uninitialized: [shape[0]], dtype)
    try dtype.perform(LabelLosses(shifted: shifted, sums: sums, classes: classes, losses: losses))
    return losses.recorded([self]) { gradient in
      let derivative = try powers * (gradient.unsqueezed(1) / sums)
      let places = try labels.unsqueezed(1)
      try derivative.addAt(places, -1, scaledBy: gradient)
      return [derivative]
    }
  }

  /// Adds `factor · scale[row]` to one element of each row. Not recorded.
  private final func addAt(_ places: Tensor, _ factor: Double, scaledBy scale: Tensor) throws {
    let columns = try places.values(as: Int64.self)
    let scales = try scale.values(as: Double.self)
    try dtype.perform(AddInRows(target: self, columns: columns, values: scales.map { $0 * factor }))
  }

  /// `exp(x - max x)` along the last axis, divided by its sum. Not recorded.
  private final func exponentialShares() throws -> Tensor {
    let (_, powers) = try powersOfRows()
    return try powers / powers.sum(-1, keepingAxes: true)
  }

  /// `x - max x` along the last axis, and `exp` of that. Not recorded.
  private final func powersOfRows() throws -> (shifted: Tensor, powers: Tensor) {
    let source = try detached().to(Swift.max(dtype, .float32)).packed()
    let columns = shape.last ?? 1
    if columns == 0 { throw TensorError("softmax", "the last axis of shape \(shape) is empty") }
    let largest = try Tensor(uninitialized: Shape(shape.extents.dropLast() + [1]), source.dtype)
    let rows = source.elementCount / columns
    if source.dtype == .float32 {
      RowMaximum.maximum(rows: rows, count: columns, source.pointer(Float.self), into: largest.pointer(Float.self))
    } else {
      RowMaximum.maximum(rows: rows, count: columns, source.pointer(Double.self), into: largest.pointer(Double.self))
    }
    let shifted = try source - largest
    return (shifted, try shifted.exp())
  }
}

private struct LabelLosses: TypedAction {
  /// `x - max x` of each row, and the sum of its powers.
  let shifted, sums: Tensor
  let classes: [Int64]
  let losses: Tensor

  func run<T: Element>(_ type: T.Type) throws {
    let logarithms = try sums.log()
    let (from, totals, to) = (shifted.pointer(T.self), logarithms.pointer(T.self), losses.pointer(T.self))
    for (row, label) in classes.enumerated() {
      to[row] = T.subtracting(totals[row], from[row * shifted.shape[1] + Int(label)])
    }
  }
}

private struct AddInRows: TypedAction {
  let target: Tensor
  let columns: [Int64]
  let values: [Double]

  func run<T: Element>(_ type: T.Type) throws {
    let base = target.pointer(T.self)
    for (row, column) in columns.enumerated() {
      let place = base + row * target.shape[1] + Int(column)
      place.pointee = T.adding(place.pointee, T(converting: values[row]))
    }
  }
}
