import Tensors

// Losses of classes: labels are integers, or probabilities of each class.

/// `-ln softmax(logits)[label]`: PyTorch's `cross_entropy`, with its options.
///
/// Logits are `[batch, classes]`, or `[batch, classes, …]` with labels `[batch, …]`: of images a class for each pixel. Of
/// sequences `[batch, steps, classes]`, lay the steps flat, `logits.reshaped([-1, classes])` and `labels.reshaped([-1])`, or take
/// `maskedCrossEntropy`. The mean is over the labels that count, each with its class' weight; over the samples where labels are
/// probabilities.
///
/// - Parameters:
///   - logits: float32 or float64.
///   - labels: integers; or floats of the logits' shape, a probability for each class.
///   - weights: what each class counts, `[classes]`.
///   - ignoredIndex: a label that counts nothing, of padding say; nil where there is none.
///   - labelSmoothing: the part of each label that is spread evenly over all classes.
///   - reduction: what is made of the samples' losses.
public func crossEntropy(
  _ logits: Tensor, _ labels: Tensor, weights: Tensor? = nil, ignoredIndex: Int? = -100, labelSmoothing: Double = 0,
  reduction: LossReduction = .mean
) -> Tensor {
  if labels.dtype.isFloat, labels.rank > 1 {
    return softCrossEntropy(logits, labels, weights, labelSmoothing, reduction)
  }
  guard let rows = ClassRows(logits, labels) else { return reduction.reduce(misfit(logits, labels, "cross-entropy")) }
  let losses = rows.scores.crossEntropy(
    rows.labels, weights: weights, ignoredIndex: ignoredIndex, labelSmoothing: labelSmoothing)
  return reduction.reduce(losses.reshaped(labels.shape), counting: rows.factors(weights, ignoredIndex).sum())
}

/// Cross-entropy whose labels are probabilities.
private func softCrossEntropy(
  _ logits: Tensor, _ labels: Tensor, _ weights: Tensor?, _ smoothing: Double, _ reduction: LossReduction
) -> Tensor {
  let classes = logits.rank > 1 ? logits.shape[1] : 0
  guard logits.shape == labels.shape, classes > 0, weights?.shape ?? [classes] == [classes], (0...1).contains(smoothing)
  else {
    let detail =
      "logits \(logits.shape), probabilities \(labels.shape), weights \(weights?.shape ?? [classes]), smoothing \(smoothing)"
    let error = TensorError("cross-entropy", detail)
    return reduction.reduce(Tensor(fault: error, of: [logits, labels], Shape(Array(logits.shape.prefix(1)))))
  }
  let spread = smoothing == 0 ? labels : labels * (1 - smoothing) + smoothing / Double(classes)
  let perClass = Shape([classes] + [Int](repeating: 1, count: logits.rank - 2))
  let counted = weights.map { spread * $0.reshaped(perClass) } ?? spread
  let losses = -(logits.logSoftmax(1) * counted).sum(1)
  return reduction.reduce(losses)
}

/// `-x[label]` of logarithms of probabilities: PyTorch's `nll_loss`, with shapes and options as `crossEntropy` has them.
public func negativeLogLikelihood(
  _ logarithms: Tensor, _ labels: Tensor, weights: Tensor? = nil, ignoredIndex: Int? = -100,
  reduction: LossReduction = .mean
) -> Tensor {
  guard let rows = ClassRows(logarithms, labels) else {
    return reduction.reduce(misfit(logarithms, labels, "negative log-likelihood"))
  }
  let (factors, counts) = (rows.factors(weights, ignoredIndex), rows.counted(ignoredIndex))
  let picked = rows.scores.gathered(rows.safe(ignoredIndex).unsqueezed(1), axis: 1).squeezed(1)
  // What is ignored may be infinite.
  let losses = -picked.chosen(where: counts, else: Tensor.zeros([], picked.dtype))
  return reduction.reduce((losses * factors.to(losses.dtype)).reshaped(labels.shape), counting: factors.sum())
}

/// `-t ln p - (1 - t) ln(1 - p)` of probabilities and targets of one shape, as in PyTorch with no logarithm below -100. Where there
/// are logits, `binaryCrossEntropyWithLogits` is more exact.
///
/// - Parameters:
///   - probabilities: within 0…1.
///   - targets: 0, 1 or between.
///   - weights: what each element counts, broadcast to their shape; the mean is over the elements all the same.
///   - reduction: what is made of the elements' losses.
public func binaryCrossEntropy(
  _ probabilities: Tensor, _ targets: Tensor, weights: Tensor? = nil, reduction: LossReduction = .mean
) -> Tensor {
  let losses = probabilities.binaryCrossEntropy(targets.to(probabilities.dtype))
  return reduction.reduce(weights.map { losses * $0 } ?? losses)
}

/// Binary cross-entropy of logits x, `(1 - t) x + (1 + (w - 1) t) ln(1 + exp(-x))`: `-t ln σ(x) - (1 - t) ln(1 - σ(x))` for a
/// w of 1, exact for large x, too.
///
/// - Parameters:
///   - logits: of any shape.
///   - targets: 0, 1 or between, of the same shape.
///   - weights: what each element counts, broadcast to their shape; the mean is over the elements all the same.
///   - positiveWeights: w, what the targets of 1 count, for classes along the last axis say.
///   - reduction: what is made of the elements' losses.
public func binaryCrossEntropyWithLogits(
  _ logits: Tensor, _ targets: Tensor, weights: Tensor? = nil, positiveWeights: Tensor? = nil,
  reduction: LossReduction = .mean
) -> Tensor {
  if let fault = mismatch(logits, targets, "binary cross-entropy") { return reduction.reduce(fault) }
  let targets = targets.to(logits.dtype)
  let rest = (-logits).softplus()
  let positive = positiveWeights.map { (1 + ($0 - 1) * targets) * rest } ?? rest
  let losses = (1 - targets) * logits + positive
  return reduction.reduce(weights.map { losses * $0 } ?? losses)
}

/// `-ln softmax(logits)[label]` of the first `lengths` steps of each sequence, 0 behind them: logits `[steps, batch, words]`,
/// integer labels `[batch, steps]` and lengths `[batch]`. The mean is over the steps that count, of all sequences together.
public func maskedCrossEntropy(
  _ logits: Tensor, _ labels: Tensor, lengths: Tensor, reduction: LossReduction = .mean
) -> Tensor {
  guard logits.rank == 3, labels.shape == [logits.shape[1], logits.shape[0]], lengths.shape == [logits.shape[1]] else {
    let error = TensorError(
      "masked cross-entropy", "logits \(logits.shape) do not fit labels \(labels.shape) and lengths \(lengths.shape)")
    return reduction.reduce(Tensor(fault: error, of: [logits, labels, lengths], labels.shape))
  }
  let (steps, batch) = (logits.shape[0], logits.shape[1])
  // Step by step, as the logits lie.
  let mask = (Tensor.arange(steps).unsqueezed(1) < lengths.unsqueezed(0)).to(.float32).reshaped([-1])
  let losses = logits.reshaped([steps * batch, logits.shape[2]]).crossEntropy(labels.transposed().reshaped([-1]))
  let masked = losses * mask
  switch reduction {
  case .none: return masked.reshaped([steps, batch]).transposed()
  case .sum: return masked.sum()
  case .mean: return masked.sum() / mask.sum().clamped(1, .infinity)
  case .batchMean: return masked.sum() / Double(batch)
  }
}

/// `[batch, classes, …]` and labels `[batch, …]` as rows of classes and a label for each.
private struct ClassRows {
  /// `[rows, classes]`, and `[rows]`.
  let scores, labels: Tensor

  init?(_ scores: Tensor, _ labels: Tensor) {
    guard scores.rank > 1, labels.shape.extents == [scores.shape[0]] + scores.shape.extents.dropFirst(2) else {
      return nil
    }
    let (classes, rank) = (scores.shape[1], scores.rank)
    guard rank > 2 else {
      (self.scores, self.labels) = (scores, labels)
      return
    }
    let classesLast = scores.permuted([0] + Array(2..<rank) + [1])
    self.scores = classesLast.reshaped([labels.elementCount, classes])
    self.labels = labels.reshaped([labels.elementCount])
  }

  /// Which rows count: all but those with the ignored label.
  func counted(_ ignored: Int?) -> Tensor { ignored.map { labels .!= $0 } ?? (labels .== labels) }

  /// The labels, with 0 for the ignored one.
  func safe(_ ignored: Int?) -> Tensor {
    labels.dtype.isFloat ? labels : labels.chosen(where: counted(ignored), else: .zeros([], labels.dtype))
  }

  /// What each row counts: 0 or 1, or its class' weight.
  func factors(_ weights: Tensor?, _ ignored: Int?) -> Tensor {
    let counts = counted(ignored).to(scores.dtype)
    guard let weights else { return counts }
    return counts * weights.detached().to(scores.dtype).gathered(safe(ignored), axis: 0)
  }
}

/// A tensor that carries the fault of scores and labels that don't fit.
private func misfit(_ scores: Tensor, _ labels: Tensor, _ operation: String) -> Tensor {
  let error = TensorError(
    operation,
    "needs [batch, classes, …] and labels [batch, …], not \(scores.shape) and \(labels.dtype) \(labels.shape)")
  return Tensor(fault: error, of: [scores, labels], labels.shape)
}
