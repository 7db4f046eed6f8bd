import Synchronization
import Tensors

extension Tensor {
  /// A zero leaf that training changes. A shape that can't be (negative, or past memory) gives a parameter that carries the
  /// fault, and so does what the layer then computes.
  ///
  /// - Parameter name: instead of the property's.
  public static func parameter(_ shape: Shape, named name: String? = nil) -> Parameter {
    let tensor = zeros(shape, StateRole(.parameter, name: name))
    tensor.requiresGradient = true
    return tensor
  }

  /// A tensor that belongs to a module's state but is not trained.
  public static func buffer(_ shape: Shape, _ value: Double, named name: String? = nil) -> Tensor {
    let tensor = zeros(shape, StateRole(.buffer, name: name))
    if value != 0 { tensor.fill(value) }
    return tensor
  }

  private static func zeros(_ shape: Shape, _ role: StateRole) -> Tensor {
    let tensor = zeros(shape)
    tensor.role = role
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
