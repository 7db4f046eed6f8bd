import Tensors

/// Modules one after the other, named by their position where they have no name of their own.
public final class Sequential: Module {
  /// In the order in which they are called.
  public let layers: [Module]

  /// Layers, each of which takes what the one before gives.
  public convenience init(_ layers: Module...) { self.init(layers) }
  /// Layers, each of which takes what the one before gives.
  public init(_ layers: [Module]) { self.layers = layers }

  /// How the layers are cut for backward.
  var cut = Cut.none

  /// The layer at a position.
  public subscript(_ index: Int) -> Module { layers[index] }

  public override func forward(_ input: Tensor) -> Tensor {
    if cut != .none && !ForwardScope.isCheckpointed { return forwardInSegments(input) }
    var value = input
    for layer in layers { value = layer(value) }
    return value
  }
}

/// The layers stand for properties called `0`, `1` and so on: `0.weight`, not `layers.0.weight`.
extension Sequential: CustomReflectable {
  public var customMirror: Mirror {
    Mirror(self, children: layers.enumerated().map { (label: "\($0)", value: $1) }, displayStyle: .class)
  }
}

/// Everything behind the batch laid flat: `[batch, …]` to `[batch, features]`.
public final class Flatten: Module {
  public override func forward(_ input: Tensor) -> Tensor { input.flattened() }
}
