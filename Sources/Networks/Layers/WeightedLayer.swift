import Tensors

/// What layers with a weight and an optional bias have in common: their names and how they begin.
public class WeightedLayer: Module {
  /// `[outputs, inputs, …]`.
  public let weight: Parameter
  /// `[outputs]`.
  public let bias: Parameter?
  /// How the weight's first values are drawn.
  public var weightInitializer: Initializer
  /// Nil for PyTorch's, uniform in ±1 / √(inputs of a unit).
  public var biasInitializer: Initializer?

  /// - Parameter outputs: of the bias; the weight's first axis unless said otherwise.
  init(weight: Shape, outputs: Int? = nil, bias: Bool, weights: Initializer, biases: Initializer?) {
    self.weight = .parameter(weight)
    self.bias = bias ? .parameter([outputs ?? weight[0]]) : nil
    (weightInitializer, biasInitializer) = (weights, biases)
    super.init()
    initialize(StandaloneKey.next())
  }

  public override func initialize(_ key: RandomKey) {
    weightInitializer.fill(weight, key: key)
    guard let bias else { return }
    var biasKey = key
    biasKey.layer += 1
    let fanIn = weight.shape.extents.dropFirst().reduce(1, *)
    (biasInitializer ?? .fanInUniform).fill(bias, key: biasKey, fans: (fanIn, fanIn))
  }
}
