import Tensors

/// `x · weightᵀ + bias`, `[batch, inputs]` to `[batch, outputs]`.
public final class Linear: Module {
  /// `[outputs, inputs]`.
  public let weight: Parameter
  /// `[outputs]`.
  public let bias: Parameter?
  public var weightInitializer: Initializer
  public var biasInitializer: Initializer?

  public init(
    _ inputs: Int, _ outputs: Int, bias: Bool = true, weights: Initializer = .fanInUniform,
    biases: Initializer? = nil
  ) {
    weight = .parameter([outputs, inputs])
    self.bias = bias ? .parameter([outputs]) : nil
    weightInitializer = weights
    biasInitializer = biases
    super.init()
    try? initialize(StandaloneKey.next())
  }

  public override var parameters: Tensors {
    if let bias { return ["weight": weight, "bias": bias] }
    return ["weight": weight]
  }

  public override func initialize(_ key: RandomKey) throws {
    try initializeWeights(weight, weightInitializer, bias, biasInitializer, key)
  }

  public override func forward(_ input: Tensor) throws -> Tensor { try input.linear(weight, bias) }
}

/// Weights by their initialiser; biases by theirs, or as PyTorch does it, uniform in ±1 / √(inputs of a unit).
func initializeWeights(
  _ weight: Tensor, _ initializer: Initializer, _ bias: Tensor?, _ biasInitializer: Initializer?, _ key: RandomKey
) throws {
  try initializer.fill(weight, key: key)
  guard let bias else { return }
  var biasKey = key
  biasKey.layer += 1
  let fanIn = weight.shape.extents.dropFirst().reduce(1, *)
  try (biasInitializer ?? .fanInUniform).fill(bias, key: biasKey, fans: (fanIn, fanIn))
}
