import Kernels

extension Tensor {
  /// `exp xᵢ / Σ exp xⱼ` along the last axis; derivative `y (g - Σ g y)`.
  public final func softmax() throws -> Tensor {
    let result = try shiftedExponentials(normalized: true)
    let kept = result.detached()
    return result.recorded([self]) { gradient in
      let weighted = try gradient * kept
      return [try weighted - kept * weighted.sum(-1, keepingAxes: true)]
    }
  }

  /// `ln softmax` along the last axis, exact where the softmax itself would vanish; derivative `g - softmax Σ g`.
  public final func logSoftmax() throws -> Tensor { try self - logSumExp(keepingAxes: true) }

  /// `ln Σ exp x` along the last axis; derivative the softmax.
  public final func logSumExp(keepingAxes: Bool = false) throws -> Tensor {
    let peak = try detached().max(-1, keepingAxes: true)
    let total = try (self - peak).exp().sum(-1, keepingAxes: true).log() + peak
    return keepingAxes ? total : try total.squeezed(-1)
  }

  /// `-ln softmax(x)[label]` for each row of `[batch, classes]`, `[batch]`; labels int32 or int64 `[batch]`.
  /// Derivative `softmax - onehot(label)`, computed together with the value.
  public final func crossEntropy(_ labels: Tensor) throws -> Tensor {
    guard rank == 2, dtype.isFloat, labels.shape == [shape[0]], !labels.dtype.isFloat else {
      throw TensorError(
        "cross-entropy", "needs logits [batch, classes] and integer labels [batch], not \(shape) and \(labels.dtype) \(labels.shape)")
    }
    let classes = try labels.values(as: Int64.self)
    if let row = classes.firstIndex(where: { $0 < 0 || $0 >= shape[1] }) {
      throw TensorError("cross-entropy", "label \(classes[row]) in row \(row), but there are \(shape[1]) classes")
    }
    let probabilities = try detached().shiftedExponentials(normalized: true)
    let losses = try Tensor(uninitialized: [shape[0]], dtype)
    try dtype.perform(LabelLosses(logits: detached().packed(), classes: classes, losses: losses))
    return losses.recorded([self]) { gradient in
      let derivative = try probabilities * gradient.unsqueezed(1)
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
  private final func shiftedExponentials(normalized: Bool) throws -> Tensor {
    guard rank > 0 else { throw TensorError("softmax", "a scalar has no axis") }
    return try withoutGradient {
      let source = try to(Swift.max(dtype, .float32))
      let powers = try (source - source.max(-1, keepingAxes: true)).exp()
      return try powers / powers.sum(-1, keepingAxes: true)
    }
  }
}

private struct LabelLosses: TypedAction {
  let logits: Tensor
  let classes: [Int64]
  let losses: Tensor

  func run<T: Element>(_ type: T.Type) throws {
    let sums = try logits.logSumExp()
    let (from, total, to) = (logits.pointer(T.self), sums.pointer(T.self), losses.pointer(T.self))
    for (row, label) in classes.enumerated() {
      to[row] = T.subtracting(total[row], from[row * logits.shape[1] + Int(label)])
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
