import Tensors

/// Whether a loss is the sum over the samples or their mean.
public enum LossReduction: Sendable {
  /// The losses themselves, one for each sample.
  case none
  /// What an objective needs: a trainer divides by the samples of the global batch.
  case sum
  /// What a loop of one's own needs.
  case mean

  func reduce(_ losses: Tensor) -> Tensor {
    switch self {
    case .none: losses
    case .sum: losses.sum()
    case .mean: losses.mean()
    }
  }
}

/// `-ln softmax(logits)[label]` of `[batch, classes]` and integer labels `[batch]`. Of sequences, either lay the steps
/// flat first, `logits.reshaped([-1, classes])` and `labels.reshaped([-1])`, or take `maskedCrossEntropy`.
public func crossEntropy(_ logits: Tensor, _ labels: Tensor, reduction: LossReduction = .mean) -> Tensor {
  reduction.reduce(logits.crossEntropy(labels))
}

/// `(prediction - target)²` of two tensors of one shape, element by element.
public func meanSquaredError(_ prediction: Tensor, _ target: Tensor, reduction: LossReduction = .mean) -> Tensor {
  guard prediction.shape == target.shape else {
    let error = TensorError("mean squared error", "prediction \(prediction.shape) and target \(target.shape) differ")
    return reduction.reduce(Tensor(fault: error, of: [prediction, target], prediction.shape))
  }
  if case .none = reduction { return (prediction - target).pow(2) }
  // Of float tensors that are one type; any other pair takes the way of single operations.
  guard prediction.dtype == target.dtype, prediction.dtype.isFloat else {
    return reduction.reduce((prediction - target).pow(2))
  }
  let sum = prediction.squaredErrorSum(target)
  if case .mean = reduction { return sum / Double(prediction.elementCount) }
  return sum
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
  }
}
