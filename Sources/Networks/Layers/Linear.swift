import Tensors

/// `x · weightᵀ + bias` over the last axis: `[batch, inputs]` to `[batch, outputs]`, `[batch, steps, inputs]` to
/// `[batch, steps, outputs]`; weights `[outputs, inputs]`.
public final class Linear: WeightedLayer {
  /// From so many inputs to so many outputs; PyTorch's first values unless said otherwise.
  public init(
    _ inputs: Int, _ outputs: Int, bias: Bool = true, weights: Initializer = .fanInUniform,
    biases: Initializer? = nil
  ) {
    super.init(weight: [outputs, inputs], bias: bias, weights: weights, biases: biases)
  }

  public override func forward(_ input: Tensor) -> Tensor { input.linear(weight, bias) }
}
