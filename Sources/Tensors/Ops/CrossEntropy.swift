extension Tensor {
  /// `-ln softmax(x)[label]` for each row of `[batch, classes]`, `[batch]`; labels int32 or int64 `[batch]`. With L the logarithm of
  /// the row's `Σ exp x`, w the weights and ε the smoothing, it is `(1 - ε) w[label] (L - x[label]) + ε / classes · Σ w (L - x)`.
  ///
  /// Derivative `((1 - ε) w[label] + ε / classes · Σ w) softmax - (1 - ε) w[label] onehot(label) - ε / classes · w`, computed in one
  /// walk; without options `softmax - onehot(label)`.
  ///
  /// - Parameters:
  ///   - labels: the class of each row.
  ///   - weights: what each class counts, `[classes]`; has no derivative.
  ///   - ignoredIndex: a label whose rows count nothing: their loss and derivative are 0, whatever their logits are.
  ///   - labelSmoothing: the part of each label that is spread over all classes. Source: Szegedy et al. 2015.
  public final func crossEntropy(
    _ labels: Tensor, weights: Tensor? = nil, ignoredIndex: Int? = nil, labelSmoothing: Double = 0
  ) -> Tensor {
    attempt(labels, weights, as: Shape(Array(shape.prefix(1)))) {
      let targets = try LabelTargets(of: self, labels, weights, ignoredIndex, labelSmoothing)
      return try labelLosses(targets)
    }
  }

  private final func labelLosses(_ targets: LabelTargets) throws -> Tensor {
    let (shifted, powers) = try powersOfRows()
    let sums = powers.sum(-1, keepingAxes: true)
    let (logarithms, losses) = (sums.log(), try Tensor(uninitialized: [shape[0]], dtype))
    if dtype == .float64 {
      try targets.lose(Double.self, shifted, logarithms, into: losses)
    } else {
      try targets.lose(Float.self, shifted, logarithms, into: losses)
    }
    return losses.recorded([self], function: "crossEntropy") { gradient in
      let (derivative, gradient) = (try Tensor(uninitialized: powers.shape, powers.dtype), gradient.packed())
      if powers.dtype == .float64 {
        try targets.derive(Double.self, gradient, powers, sums, into: derivative)
      } else {
        try targets.derive(Float.self, gradient, powers, sums, into: derivative)
      }
      return [derivative]
    }
  }
}

/// What the rows of a cross-entropy aim at.
private struct LabelTargets {
  /// Each row's label; nil where the row is ignored.
  private let labels: [Int?]
  private let classes: Int
  /// What each class counts; nil for 1.
  private let weights: [Double]?
  private let smoothing: Double

  init(of logits: Tensor, _ labels: Tensor, _ weights: Tensor?, _ ignored: Int?, _ smoothing: Double) throws {
    guard logits.rank == 2, logits.dtype.isFloat, labels.shape == [logits.shape[0]], !labels.dtype.isFloat else {
      throw TensorError(
        "cross-entropy",
        "needs logits [batch, classes] and integer labels [batch], not \(logits.shape) and \(labels.dtype) "
          + "\(labels.shape)")
    }
    let classes = logits.shape[1]
    guard weights.map({ $0.shape == [classes] }) ?? true else {
      throw TensorError("cross-entropy", "weights of shape \(weights?.shape ?? []) for \(classes) classes")
    }
    guard (0...1).contains(smoothing) else {
      throw TensorError("cross-entropy", "label smoothing \(smoothing) is not in 0…1")
    }
    self.labels = try labels.values(as: Int64.self).enumerated().map { row, label in
      if let ignored, label == Int64(ignored) { return nil }
      guard label >= 0, label < Int64(classes) else {
        throw TensorError("cross-entropy", "label \(label) in row \(row), but there are \(classes) classes")
      }
      return Int(label)
    }
    (self.classes, self.smoothing) = (classes, smoothing)
    self.weights = try weights?.values(as: Double.self)
  }

  private func weight(_ label: Int) -> Double { weights?[label] ?? 1 }
  /// What the label itself counts, and each class beside it, before weights.
  private var shares: (label: Double, each: Double) { (1 - smoothing, smoothing / Double(Swift.max(classes, 1))) }

  /// - Parameter shifted: `x - max x` of each row; `logarithms` of the sums of its powers.
  func lose<T: FloatElement>(_ type: T.Type, _ shifted: Tensor, _ logarithms: Tensor, into losses: Tensor) throws {
    let (from, logs, to) = (try shifted.pointer(T.self), try logarithms.pointer(T.self), try losses.pointer(T.self))
    let shares = shares
    for (row, label) in labels.enumerated() {
      guard let label else {
        to[row] = 0
        continue
      }
      let (values, log) = (from + row * classes, Double(logs[row]))
      var loss = shares.label * weight(label) * (log - Double(values[label]))
      if smoothing > 0 {
        for other in 0..<classes { loss += shares.each * weight(other) * (log - Double(values[other])) }
      }
      to[row] = T(loss)
    }
  }

  func derive<T: FloatElement>(
    _ type: T.Type, _ gradient: Tensor, _ powers: Tensor, _ sums: Tensor, into derivative: Tensor
  ) throws {
    let (slopes, from) = (try gradient.pointer(T.self), try powers.pointer(T.self))
    let (totals, to) = (try sums.pointer(T.self), try derivative.pointer(T.self))
    let shares = shares
    let all = shares.each * (weights?.reduce(0, +) ?? Double(classes))
    for (row, label) in labels.enumerated() {
      let (values, target) = (from + row * classes, to + row * classes)
      guard let label else {
        target.update(repeating: 0, count: classes)
        continue
      }
      let (slope, own) = (Double(slopes[row]), shares.label * weight(label))
      let share = T(slope * (own + (smoothing > 0 ? all : 0))) / totals[row]
      for i in 0..<classes { target[i] = values[i] * share }
      target[label] -= T(slope * own)
      if smoothing > 0 { for i in 0..<classes { target[i] -= T(slope * shares.each * weight(i)) } }
    }
  }
}
