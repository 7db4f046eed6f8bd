import Tensors

/// Whether a loss is the sum over the samples or their mean.
public enum LossReduction: Sendable {
  /// The losses themselves, one for each sample.
  case none
  /// What an objective needs: a trainer divides by the samples of the global batch.
  case sum
  /// What a loop of one's own needs: over all that counts.
  case mean
  /// The sum divided by the samples, which are the first axis: PyTorch's `batchmean`, the mean divergence of distributions.
  case batchMean

  func reduce(_ losses: Tensor) -> Tensor {
    switch self {
    case .none: losses
    case .sum: losses.sum()
    case .mean: losses.mean()
    case .batchMean: overSamples(losses.sum(), losses.shape)
    }
  }

  /// The same where the mean is over so much that counts; of nothing it is NaN, as in PyTorch.
  func reduce(_ losses: Tensor, counting total: @autoclosure () -> Tensor) -> Tensor {
    switch self {
    case .none: losses
    case .sum: losses.sum()
    case .mean: losses.sum() / total()
    case .batchMean: overSamples(losses.sum(), losses.shape)
    }
  }

  /// A sum divided by the samples of a shape.
  func overSamples(_ sum: Tensor, _ shape: Shape) -> Tensor { sum / Double(shape.first ?? 1) }
}

// Of two tensors of one shape, element by element.

/// `(prediction - target)²` of two tensors of one shape, element by element.
public func meanSquaredError(_ prediction: Tensor, _ target: Tensor, reduction: LossReduction = .mean) -> Tensor {
  if let fault = mismatch(prediction, target, "mean squared error") { return reduction.reduce(fault) }
  if case .none = reduction { return (prediction - target).pow(2) }
  // Of float tensors that are one type; any other pair takes the way of single operations.
  guard prediction.dtype == target.dtype, prediction.dtype.isFloat else {
    return reduction.reduce((prediction - target).pow(2))
  }
  let sum = prediction.squaredErrorSum(target)
  return switch reduction {
  case .mean: sum / Double(prediction.elementCount)
  case .batchMean: reduction.overSamples(sum, prediction.shape)
  default: sum
  }
}

/// `|prediction - target|` of two tensors of one shape, element by element: PyTorch's `l1_loss`.
public func meanAbsoluteError(_ prediction: Tensor, _ target: Tensor, reduction: LossReduction = .mean) -> Tensor {
  reduction.reduce(mismatch(prediction, target, "mean absolute error") ?? (prediction - target).abs())
}

/// With d the difference of two tensors of one shape: `d² / 2` where |d| ≤ delta, `delta (|d| - delta / 2)` where it is more;
/// derivative d, cut to ±delta. Source: Huber 1964.
public func huberLoss(
  _ prediction: Tensor, _ target: Tensor, delta: Double = 1, reduction: LossReduction = .mean
) -> Tensor {
  if let fault = mismatch(prediction, target, "Huber loss") { return reduction.reduce(fault) }
  guard delta > 0 else {
    let error = TensorError("Huber loss", "delta \(delta) is not above 0")
    return reduction.reduce(Tensor(fault: error, of: [prediction, target], prediction.shape))
  }
  let difference = prediction - target
  let cut = difference.clamped(-delta, delta)
  return reduction.reduce(cut * (difference - 0.5 * cut))
}

/// The Huber loss divided by `beta`, where its slope changes: the squared error inside, the absolute one outside. A beta of 0 is
/// the absolute error.
public func smoothL1Loss(
  _ prediction: Tensor, _ target: Tensor, beta: Double = 1, reduction: LossReduction = .mean
) -> Tensor {
  if beta == 0 { return meanAbsoluteError(prediction, target, reduction: reduction) }
  return huberLoss(prediction, target, delta: beta, reduction: reduction) / beta
}

/// `target (ln target - prediction)` of logarithms of probabilities and of probabilities, element by element; 0 where the target
/// is 0. As in PyTorch the mean is over the elements; the mean divergence of a batch of distributions is `reduction: .batchMean`.
///
/// - Parameters:
///   - prediction: logarithms, of a `logSoftmax` say.
///   - target: probabilities of the same shape, or their logarithms.
///   - logarithmic: whether the target is logarithms, too.
///   - reduction: what is made of the elements.
public func klDivergence(
  _ prediction: Tensor, _ target: Tensor, logarithmic: Bool = false, reduction: LossReduction = .mean
) -> Tensor {
  if let fault = mismatch(prediction, target, "KL divergence") { return reduction.reduce(fault) }
  if logarithmic { return reduction.reduce(target.exp() * (target - prediction)) }
  // 0 ln 0 is 0; the 1 in its place has no logarithm and, being a constant, no derivative.
  let safe = target.chosen(where: target > 0, else: Tensor.ones([], target.dtype))
  return reduction.reduce(target * safe.log() - target * prediction)
}

/// A tensor that carries the fault where two shapes differ.
func mismatch(_ prediction: Tensor, _ target: Tensor, _ operation: String) -> Tensor? {
  if prediction.shape == target.shape { return nil }
  let error = TensorError(operation, "prediction \(prediction.shape) and target \(target.shape) differ")
  return Tensor(fault: error, of: [prediction, target], prediction.shape)
}
