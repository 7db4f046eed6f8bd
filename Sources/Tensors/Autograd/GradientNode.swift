import Synchronization

/// One recorded operation: what went in, and the rule that turns the derivative of its result into those of its inputs.
final class GradientNode {
  /// Returns a derivative per input, nil for inputs that need none. Runs without recording.
  typealias Rule = (_ gradient: Tensor) throws -> [Tensor?]

  private static let counter = Atomic<Int>(0)

  /// Grows with time: an operation is always younger than the operations before it.
  let order = GradientNode.counter.add(1, ordering: .relaxed).newValue
  var inputs: [Tensor]
  var rule: Rule?
  /// The derivatives that have arrived so far.
  var arrived: Tensor?
  /// Known while numbers are being checked.
  var origin: NumericsCheck.Origin?

  init(_ inputs: [Tensor], _ rule: @escaping Rule) {
    self.inputs = inputs
    self.rule = rule
  }

  /// Forgets the graph behind this operation, so that its intermediate results are freed.
  func release() {
    inputs = []
    rule = nil
  }

  /// Long chains are taken apart in a loop: one destructor inside the other would overflow the stack.
  deinit {
    rule = nil
    var pending = inputs
    inputs = []
    while var tensor = pending.popLast() {
      guard isKnownUniquelyReferenced(&tensor), var node = tensor.node else { continue }
      tensor.node = nil
      guard isKnownUniquelyReferenced(&node) else { continue }
      node.rule = nil
      pending.append(contentsOf: node.inputs)
      node.inputs = []
    }
  }
}

/// Whether operations are being recorded, on this thread or task.
enum Recording {
  @TaskLocal static var isOn = true
}

/// Runs `body` without recording: evaluation, updates of parameters. PyTorch's `no_grad`.
public func withoutGradient<Result>(_ body: () throws -> Result) rethrows -> Result {
  try Recording.$isOn.withValue(false, operation: body)
}

extension Tensor {
  /// This tensor as the result of an operation on `inputs`, with the rule for its gradient.
  final func recorded(
    _ inputs: [Tensor], function: String = #function, _ rule: @escaping GradientNode.Rule
  ) -> Tensor {
    if inputs.contains(where: \.tracksGradient) && Recording.isOn {
      node = GradientNode(inputs, rule)
      node?.origin = NumericsCheck.current?.inspect(self, of: inputs, function: function)
    }
    return self
  }

  /// The same elements, cut off from the graph that computed them.
  public final func detached() -> Tensor { view(shape, strides: strides, offset: offset) }

  /// Marks this leaf as one whose gradient is wanted, and returns it.
  @discardableResult
  public final func requiringGradient(_ wanted: Bool = true) throws -> Tensor {
    guard dtype.isFloat || !wanted else { throw TensorError("gradient", "\(dtype) tensors have none") }
    guard node == nil else { throw TensorError("gradient", "this tensor is computed; only leaves can require one") }
    requiresGradient = wanted
    return self
  }
}
