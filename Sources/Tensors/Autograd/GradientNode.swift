import Synchronization

/// One recorded operation: what went in, and the rule that turns the derivative of its result into those of its inputs.
final class GradientNode {
  /// Returns a derivative per input, nil for inputs that need none. Runs without recording. The gradient is the rule's own: where
  /// nobody else has its memory, the rule may write there.
  typealias Rule = (_ gradient: inout Tensor) throws -> [Tensor?]

  private static let counter = Atomic<Int>(0)
  /// The order of the operation that was recorded last.
  static var youngest: Int { counter.load(ordering: .relaxed) }

  /// Grows with time: an operation is always younger than the operations before it.
  let order = GradientNode.counter.add(1, ordering: .relaxed).newValue
  var inputs: [Origin]
  var rule: Rule?
  /// The derivatives that have arrived so far.
  var arrived: Tensor?
  /// Whether the walk that goes on now has come by. Marks rather than a set: a small graph would be hashing for the most part.
  var isSeen = false
  /// The memory that the rule reads again, and how often all of it had been changed in place when it was first read.
  private var needed: (Storage?, Storage?, Storage?)
  private let versions: Int
  private let function: StaticString
  /// Where it was recorded, as the watch of that time calls it; −1 where nobody watched.
  var place = -1

  init(
    _ inputs: [Tensor], needing needed: (Tensor?, Tensor?, Tensor?), _ function: StaticString, _ rule: @escaping Rule
  ) {
    self.inputs = inputs.map(Origin.init)
    self.needed = (needed.0?.storage, needed.1?.storage, needed.2?.storage)
    self.function = function
    self.rule = rule
    versions = Self.versions(self.needed)
  }

  private static func versions(_ needed: (Storage?, Storage?, Storage?)) -> Int {
    (needed.0?.version ?? 0) &+ (needed.1?.version ?? 0) &+ (needed.2?.version ?? 0)
  }

  /// The function that computed the result, without its parameters' names.
  var operation: String { Self.operation(function) }

  static func operation(_ function: StaticString) -> String { String("\(function)".prefix { $0 != "(" }) }

  /// Throws if a value that the rule reads was changed in place since.
  func checkVersions() throws {
    guard Self.versions(needed) == versions else {
      throw TensorError("backward", "a value that \(operation) needs was changed in place after it was used")
    }
  }

  /// Forgets the graph behind this operation, so that its intermediate results are freed.
  func release() {
    inputs = []
    rule = nil
    needed = (nil, nil, nil)
  }

  /// Long chains are taken apart in a loop: one destructor inside the other would overflow the stack.
  deinit {
    rule = nil
    var pending = inputs.compactMap(\.node)
    inputs = []
    while var node = pending.popLast() {
      guard isKnownUniquelyReferenced(&node) else { continue }
      node.rule = nil
      pending.append(contentsOf: node.inputs.compactMap(\.node))
      node.inputs = []
    }
  }
}

/// Where an operand came from, for the derivative that goes back there: not the operand itself, whose elements few rules read.
struct Origin {
  /// The operation that computed it.
  let node: GradientNode?
  /// The operand, where it is a leaf whose gradient is wanted.
  let leaf: Tensor?

  init(_ tensor: Tensor) {
    node = tensor.node
    leaf = node == nil && tensor.requiresGradient ? tensor : nil
  }

  /// The same for the same operand; nil where it has no gradient.
  var id: ObjectIdentifier? { node.map { ObjectIdentifier($0) } ?? leaf.map { ObjectIdentifier($0) } }
}

/// What a rule needs to know of an operand whose elements it does not read, so that their memory is free for others.
struct Outline {
  let shape: Shape
  let dtype: DType
  let tracksGradient: Bool

  /// `gradient` summed over the axes along which the operand was repeated; nil where none is wanted.
  func unbroadcast(_ gradient: Tensor) -> Tensor? {
    guard tracksGradient else { return nil }
    let converted = gradient.to(dtype)
    if converted.shape == shape { return converted }
    let lead = converted.rank - shape.rank
    let repeated = converted.shape.indices.filter { $0 < lead || shape[$0 - lead] == 1 && converted.shape[$0] != 1 }
    return converted.sum(Array(repeated), keepingAxes: true).reshaped(shape)
  }
}

extension Tensor {
  final var outline: Outline { Outline(shape: shape, dtype: dtype, tracksGradient: tracksGradient) }
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
  ///
  /// - Parameters:
  ///   - first, second, third: the tensors whose elements the rule reads, which nobody may change in place until then.
  ///   - operation: what it is to somebody who writes it down; nil for what can't be.
  ///   - others: what is read beside the inputs, and has no gradient: integers, statistics.
  final func recorded(
    _ inputs: [Tensor], needing first: Tensor? = nil, _ second: Tensor? = nil, _ third: Tensor? = nil,
    function: StaticString = #function, as operation: @autoclosure () -> TracedOperation? = nil,
    with others: @autoclosure () -> [Tensor] = [], _ rule: @escaping GradientNode.Rule
  ) -> Tensor {
    if inputs.contains(where: \.tracksGradient) {
      guard Recording.isOn else {
        Segment.current?.sees(inputs)
        return self
      }
      let node = GradientNode(inputs, needing: (first, second, third), function, rule)
      if let watch = LayerWatch.current {
        node.place = watch.records(self, of: inputs, function)
        if watch.tracesOperations { watch.traces(self, of: inputs + others(), operation(), function) }
      }
      self.node = node
    } else if inputs.contains(where: \.isDerivative) {
      isDerivative = true
    }
    return self
  }

  /// The same elements, cut off from the graph that computed them.
  public final func detached() -> Tensor {
    let result = view(shape, strides: strides, offset: offset)
    result.isDerivative = isDerivative
    return result
  }

  /// Marks this leaf as one whose gradient is wanted, and returns it. What can't have one, integers or a computed tensor, is
  /// handed back as a fault and stays what it is.
  @discardableResult
  public final func requiringGradient(_ wanted: Bool = true) -> Tensor {
    attempt {
      guard dtype.isFloat || !wanted else { throw TensorError("gradient", "\(dtype) tensors have none") }
      guard node == nil else { throw TensorError("gradient", "this tensor is computed; only leaves can require one") }
      requiresGradient = wanted
      return self
    }
  }
}
