import Synchronization
import Tensors

extension Tensor {
  /// A zero leaf that training changes. A shape that can't be (negative, or past memory) gives an empty parameter, at which
  /// the layer's first use then throws: so that layers can stand as plain properties of a module.
  public static func parameter(_ shape: Shape) -> Parameter {
    buffer(shape, 0, requiresGradient: true)
  }

  /// A tensor that belongs to a module's state but is not trained.
  public static func buffer(_ shape: Shape, _ value: Double) -> Tensor { buffer(shape, value, requiresGradient: false) }

  private static func buffer(_ shape: Shape, _ value: Double, requiresGradient: Bool) -> Tensor {
    let tensor = (full(shape, value)) ?? (Tensor.empty.copy()) ?? .empty
    tensor.requiresGradient = requiresGradient
    return tensor
  }
}

/// Keys for layers that were made on their own, outside of a network with a seed: each layer's values differ.
enum StandaloneKey {
  private static let counter = Atomic<Int>(0)

  static func next() -> RandomKey {
    RandomKey(seed: 0, .initialization, layer: counter.add(16, ordering: .relaxed).newValue, time: 1)
  }
}
