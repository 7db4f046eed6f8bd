import Tensors

extension Tensor {
  /// A zero leaf that training changes, under another name than its property's where one is given. A shape that can't
  /// be (negative, or past memory) is a fault like any other.
  public static func parameter(_ shape: Shape, named name: String? = nil) -> Parameter {
    let tensor = zeros(shape)
    tensor.role = StateRole(.parameter, name: name)
    tensor.requiresGradient = true
    return tensor
  }

  /// A tensor that belongs to a module's state but is not trained.
  public static func buffer(_ shape: Shape, _ value: Double, named name: String? = nil) -> Tensor {
    let tensor = full(shape, value)
    tensor.role = StateRole(.buffer, name: name)
    return tensor
  }
}

/// Keys for layers that were made on their own, outside of a network with a seed: each layer's values differ.
enum StandaloneKey {
  static func next() -> RandomKey { RandomKey.nextOfLayer() }
}
