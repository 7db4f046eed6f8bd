import Tensors

/// Layer normalisation over the last axes: `(x - mean) / √(variance + ε) · weight + bias` with each sample's, or step's, own mean
/// and variance. Source: Ba, Kiros and Hinton 2016; parameters as PyTorch's.
public final class LayerNorm: Module {
  /// Of the normalised axes; they begin as 1 and 0.
  public let weight: Parameter
  /// nil where there is none.
  public let bias: Parameter?
  /// Added to the variance, so that the divisor is never 0.
  public let epsilon: Double

  /// Over the last axis, of such a width.
  public convenience init(_ width: Int, epsilon: Double = 1e-5, bias: Bool = true) {
    self.init(shape: [width], epsilon: epsilon, bias: bias)
  }

  /// Over several last axes.
  public init(shape: Shape, epsilon: Double = 1e-5, bias: Bool = true) {
    weight = .parameter(shape)
    self.bias = bias ? .parameter(shape) : nil
    self.epsilon = epsilon
    super.init()
    weight.fill(1)
  }

  public override func initialize(_ key: RandomKey) {
    weight.fill(1)
    bias?.fill(0)
  }

  public override func forward(_ input: Tensor) -> Tensor {
    input.layerNorm(weight.shape, weight: weight, bias: bias, epsilon: epsilon)
  }
}

/// `x / √(mean(x²) + ε) · weight` over the last axis. Source: Zhang and Sennrich 2019.
public final class RMSNorm: Module {
  /// `[width]`; begins as 1.
  public let weight: Parameter
  /// Added to the mean square, so that the divisor is never 0.
  public let epsilon: Double

  /// Over the last axis, of such a width.
  public init(_ width: Int, epsilon: Double = 1e-5) {
    weight = .parameter([width])
    self.epsilon = epsilon
    super.init()
    weight.fill(1)
  }

  public override func initialize(_ key: RandomKey) { weight.fill(1) }

  public override func forward(_ input: Tensor) -> Tensor {
    input.rmsNorm(weight.shape, weight: weight, epsilon: epsilon)
  }
}

/// Layer normalisation of groups of channels, of `[batch, channels, …]`: each sample's own, so that it needs no statistics of a
/// batch. Source: Wu and He 2018; parameters as PyTorch's.
public final class GroupNorm: Module {
  /// Into how many groups the channels fall; divides them.
  public let groups: Int
  /// `[channels]`; they begin as 1 and 0.
  public let weight, bias: Parameter
  /// Added to the variance, so that the divisor is never 0.
  public let epsilon: Double

  /// So many groups of so many channels in all.
  public init(_ groups: Int, _ channels: Int, epsilon: Double = 1e-5) {
    self.groups = groups
    (weight, bias) = (.parameter([channels]), .parameter([channels]))
    self.epsilon = epsilon
    super.init()
    weight.fill(1)
  }

  public override func initialize(_ key: RandomKey) {
    weight.fill(1)
    bias.fill(0)
  }

  public override func forward(_ input: Tensor) -> Tensor {
    input.groupNorm(groups, weight: weight, bias: bias, epsilon: epsilon)
  }
}
