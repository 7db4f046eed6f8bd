import Tensors

/// Modules one after the other; children are named by their position.
public final class Sequential: Module {
  public let layers: [Module]
  private let names: [String]

  public convenience init(_ layers: Module...) { self.init(layers) }
  public init(_ layers: [Module]) {
    self.layers = layers
    names = layers.indices.map { "\($0)" }
  }

  /// Children under names of one's own, in order.
  public init(named children: Children) {
    (layers, names) = (children.entries.map(\.value), children.entries.map(\.key))
  }

  public subscript(_ index: Int) -> Module { layers[index] }
  public override var children: Children { Named(zip(names, layers).map { (key: $0, value: $1) }) }

  public override func forward(_ input: Tensor) throws -> Tensor {
    var value = input
    var index = 0
    while index < layers.count {
      // A ReLU costs nothing within the kernel of the layer before it.
      if index + 1 < layers.count, layers[index + 1] is ReLU, let layer = layers[index] as? any ReLUFusing {
        value = try layer(value, thenReLU: true)
        index += 2
      } else {
        value = try layers[index](value)
        index += 1
      }
    }
    return value
  }
}

/// Everything behind the batch laid flat: `[batch, …]` to `[batch, features]`.
public final class Flatten: Module {
  public override func forward(_ input: Tensor) throws -> Tensor { input.flattened() }
}
