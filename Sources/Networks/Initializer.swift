import Tensors

/// How a parameter's first values are drawn.
public enum Initializer: Sendable {
  /// The same number everywhere.
  case constant(Double)
  /// Uniform between two bounds.
  case uniform(Double, Double)
  /// Of a normal distribution.
  case normal(mean: Double = 0, standardDeviation: Double)
  /// Uniform in ±√(6 / (fanIn + fanOut)): variances kept alike forward and backward. Source: Glorot and Bengio 2010.
  case xavierUniform
  /// Normal with the variance of `xavierUniform`, 2 / (fanIn + fanOut).
  case xavierNormal
  /// Uniform in ±√(6 / fanIn), for ReLU networks. Source: He et al. 2015.
  case kaimingUniform
  /// Normal with the variance of `kaimingUniform`, 2 / fanIn.
  case kaimingNormal
  /// Uniform in ±1 / √fanIn: what PyTorch's layers start with, weights and biases alike.
  case fanInUniform

  /// Overwrites `tensor` with numbers that are functions of the key alone. `fans` are the inputs and outputs of a unit;
  /// by default those of weights `[out, in, kernel…]`.
  public func fill(_ tensor: Tensor, key: RandomKey, fans: (in: Int, out: Int)? = nil) {
    let shape = tensor.shape
    let receptive = shape.extents.dropFirst(2).reduce(1, *)
    let fans =
      fans ?? (shape.rank > 1 ? (shape[1] * receptive, shape[0] * receptive) : (shape.elementCount, shape.elementCount))
    let (fanIn, fanOut) = (Double(max(fans.in, 1)), Double(max(fans.out, 1)))
    func uniform(_ bound: Double) -> Tensor { .uniform(shape, -bound, bound, key: key) }
    func normal(_ deviation: Double) -> Tensor { .normal(shape, standardDeviation: deviation, key: key) }
    switch self {
    case .constant(let value): tensor.fill(value)
    case .uniform(let low, let high): tensor.assign(.uniform(shape, low, high, key: key))
    case .normal(let mean, let deviation):
      tensor.assign(.normal(shape, mean: mean, standardDeviation: deviation, key: key))
    case .xavierUniform: tensor.assign(uniform((6 / (fanIn + fanOut)).squareRoot()))
    case .xavierNormal: tensor.assign(normal((2 / (fanIn + fanOut)).squareRoot()))
    case .kaimingUniform: tensor.assign(uniform((6 / fanIn).squareRoot()))
    case .kaimingNormal: tensor.assign(normal((2 / fanIn).squareRoot()))
    case .fanInUniform: tensor.assign(uniform(1 / fanIn.squareRoot()))
    }
  }
}
