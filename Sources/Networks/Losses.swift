import Tensors

/// Whether a loss is the sum over the samples or their mean.
public enum LossReduction: Sendable {
  case none, sum, mean

  func reduce(_ losses: Tensor) throws -> Tensor {
    switch self {
    case .none: losses
    case .sum: try losses.sum()
    case .mean: try losses.mean()
    }
  }
}

/// `-ln softmax(logits)[label]` of `[batch, classes]` and integer labels `[batch]`.
public func crossEntropy(_ logits: Tensor, _ labels: Tensor, reduction: LossReduction = .mean) throws -> Tensor {
  try reduction.reduce(logits.crossEntropy(labels))
}

/// `(prediction - target)²` of two tensors of one shape, element by element.
public func meanSquaredError(_ prediction: Tensor, _ target: Tensor, reduction: LossReduction = .mean) throws -> Tensor
{
  guard prediction.shape == target.shape else {
    throw TensorError("mean squared error", "prediction \(prediction.shape) and target \(target.shape) differ")
  }
  if case .none = reduction { return try (prediction - target).pow(2) }
  // Of float tensors that are one type; any other pair takes the way of single operations.
  guard prediction.dtype == target.dtype, prediction.dtype.isFloat else {
    return try reduction.reduce((prediction - target).pow(2))
  }
  let sum = try prediction.squaredErrorSum(target)
  if case .mean = reduction { return try sum / Double(prediction.elementCount) }
  return sum
}
