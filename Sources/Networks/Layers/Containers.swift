import Tensors

/// Modules one after the other; children are named by their position.
public final class Sequential: Module {
  public let layers: [Module]

  public init(_ layers: Module...) { self.layers = layers }
  public init(_ layers: [Module]) { self.layers = layers }

  public subscript(_ index: Int) -> Module { layers[index] }
  public override var children: Children { Named(layers.enumerated().map { (key: "\($0)", value: $1) }) }

  public override func forward(_ input: Tensor) throws -> Tensor {
    var value = input
    for layer in layers { value = try layer(value) }
    return value
  }
}

/// Everything behind the batch laid flat: `[batch, …]` to `[batch, features]`.
public final class Flatten: Module {
  public override func forward(_ input: Tensor) throws -> Tensor { try input.flattened() }
}
