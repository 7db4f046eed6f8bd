import Kernels

// Memory for time: a segment of a forward pass keeps what it starts from and nothing of what it computes; backward computes
// it once more when it comes to it. Both passes are the same function of the same numbers, so that the bits are those of a
// pass that keeps everything: whatever the first one drew or asked other ranks for, the second one is handed.

/// What `body` comes to, of which backward keeps nothing: it calls `body` again when it comes there. PyTorch's
/// `torch.utils.checkpoint`.
/// ```swift
/// for block in blocks { hidden = checkpointed { [hidden] in block(hidden) } }
/// ```
/// `body` must come to the same each time: random numbers without a key and batch normalisation's statistics do so by themselves;
/// what else it changes outside of itself it may see changed the second time (`ForwardScope.isRepeated`). Where nothing is recorded
/// it is called as it is.
public func checkpointed(_ body: @escaping () -> Tensor) -> Tensor {
  checkpointed { [body()] }.first ?? Tensor(fault: TensorError("checkpointed", "nothing came of it"), [])
}

/// The same with several results.
public func checkpointed(_ body: @escaping () -> [Tensor]) -> [Tensor] {
  // Who looks at each result, or writes each operation down, is to find them.
  guard Recording.isOn, LayerWatch.current?.looksIntoOperations != true else { return body() }
  let segment = Segment(body)
  return segment.recorded(segment.firstPass())
}

/// One use of a segment of a forward pass: what its second pass needs to know of the first.
/// It is used on the thread of the pass, and of the backward pass after it.
final class Segment: @unchecked Sendable {
  @TaskLocal static var current: Segment?

  private let body: () -> [Tensor]
  /// In which this one lies.
  private let parent = Segment.current
  /// The tensors with a gradient that came in from outside, whatever way; in the order in which they were first used.
  private var entries: [Tensor] = []
  private var known: Set<ObjectIdentifier> = []
  /// How often all of their memory had been changed in place when the first pass was over.
  private var version = 0
  /// What the first pass drew or measured, in order.
  private var memories: [Result<Any, any Error>] = []
  /// The memory that comes next in the second pass; nil in the first.
  private var nextMemory: Int?
  private var exits: [Shape] = []
  /// The derivatives of what the segment came to, as far as there are any.
  private var arrived: [Tensor?] = []
  /// What was recorded before the second pass began is not the segment's.
  private(set) var oldest = 0

  init(_ body: @escaping () -> [Tensor]) {
    let kernels = KernelOptions.current
    self.body = ForwardScope.keeping { kernels.run(body) }
  }

  /// Whether this is, or lies in, a second pass.
  var isRepeated: Bool { nextMemory != nil || parent?.isRepeated ?? false }

  // MARK: The first pass

  func firstPass() -> [Tensor] {
    let results = withoutGradient { Segment.$current.withValue(self, operation: body) }
    version = currentVersion
    return results
  }

  /// Takes note of an operation that is not recorded: what has a gradient all the same is from outside.
  func sees(_ inputs: [Tensor]) {
    if nextMemory != nil { return }
    for input in inputs {
      if let id = Origin(input).id, known.insert(id).inserted { entries.append(input) }
    }
  }

  private var currentVersion: Int { entries.reduce(0) { $0 &+ $1.storage.version } }

  /// The results as one operation on all that came in. Each has a node of its own, which hands over its derivative; the
  /// segment's, to which all of them lead, is older, so that backward comes to it when it has them all.
  func recorded(_ results: [Tensor]) -> [Tensor] {
    guard !entries.isEmpty else { return results }
    exits = results.map(\.shape)
    arrived = results.map { _ in nil }
    let whole = Tensor.zeros([]).recorded(entries, function: "checkpointed") { _ in
      try self.secondPass()
      // What the entries get is with them already.
      return []
    }
    return results.enumerated().map { index, result in
      // One that came in from outside, or has no gradient, is what it was.
      if result.tracksGradient || !result.dtype.isFloat || result.fault != nil { return result }
      return result.view(result.shape, strides: result.strides, offset: result.offset)
        .recorded([whole], function: "checkpointed") { gradient in
          self.arrived[index] = gradient
          return [.zeros([])]
        }
    }
  }

  // MARK: The second pass

  /// Computes the segment again, recorded this time, and goes backward through it: derivatives are added to those of the
  /// entries in the order in which they would be if it had been recorded the first time.
  private func secondPass() throws {
    guard currentVersion == version else {
      throw TensorError("backward", "a value that checkpointed needs was changed in place after it was used")
    }
    (nextMemory, oldest) = (0, GradientNode.youngest)
    defer { nextMemory = nil }
    let pass = try BackwardPass(from: computeAgain(), within: self)
    defer { pass.forget() }
    try pass.run(keepingGraph: false, ready: nil)
  }

  /// Where the walk through the segment begins, each with the derivative that has arrived there.
  private func computeAgain() throws -> [GradientNode] {
    let results = Recording.$isOn.withValue(true) { Segment.$current.withValue(self, operation: body) }
    guard results.map(\.shape) == exits else { throw Self.otherWay }
    var roots: [GradientNode] = []
    for (index, result) in results.enumerated() {
      try result.check()
      guard let derivative = arrived[index].take(), let node = result.node, node.order > oldest else { continue }
      accumulate(derivative, into: &node.arrived)
      roots.append(node)
    }
    return roots
  }

  /// Throws for an operand whose derivative would get lost: the walk around this one knows those of the first pass.
  func checkKnown(_ input: Origin) throws {
    if let id = input.id, !known.contains(id) { throw Self.otherWay }
  }

  private static var otherWay: TensorError {
    TensorError("checkpointed", "the second pass computed something else than the first")
  }

  // MARK: What both passes have in common

  /// What `make` comes to, in a second pass what it came to in the first: random keys, statistics of a batch.
  static func remembered<Value>(_ make: () throws -> Value) throws -> Value {
    guard let current else { return try make() }
    return try current.remembered(make)
  }

  private func remembered<Value>(_ make: () throws -> Value) throws -> Value {
    if let next = nextMemory {
      guard next < memories.count, let value = try memories[next].get() as? Value else { throw Self.otherWay }
      nextMemory = next + 1
      return value
    }
    let value = Result { try parent?.remembered(make) ?? make() }
    memories.append(value.map { $0 as Any })
    return try value.get()
  }
}
