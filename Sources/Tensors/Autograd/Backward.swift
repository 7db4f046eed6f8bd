extension Tensor {
  /// Adds the derivative of this scalar with respect to every leaf that requires gradients to the leaf's `gradient`.
  ///
  /// - Parameters:
  ///   - seed: the derivative of the final objective with respect to this scalar.
  ///   - keepingGraph: whether `backward` may be called again on the same graph.
  ///   - ready: called with each leaf once its gradient is complete, while the rest is still being computed.
  public final func backward(
    seed: Double = 1, keepingGraph: Bool = false, ready: ((Tensor) throws -> Void)? = nil
  ) throws {
    try check()
    guard elementCount == 1 else {
      throw TensorError("backward", "needs a scalar, but shape is \(shape): reduce it first, by sum() say")
    }
    try backward(gradient: .full(shape, seed, dtype), keepingGraph: keepingGraph, ready: ready)
  }

  /// The same from a tensor of any shape, given the derivative of the objective with respect to each of its elements.
  public final func backward(
    gradient: Tensor, keepingGraph: Bool = false, ready: ((Tensor) throws -> Void)? = nil
  ) throws {
    try check()
    try gradient.check()
    guard tracksGradient else {
      if isDerivative {
        throw TensorError("backward", "this is made of derivatives, which are not recorded: there are no second ones")
      }
      throw TensorError("backward", "nothing that requires a gradient led to this tensor")
    }
    guard gradient.shape == shape else {
      throw TensorError("backward", "gradient of shape \(gradient.shape) for a tensor of shape \(shape)")
    }
    guard gradient.dtype.isFloat else { throw TensorError("backward", "a gradient is float, not \(gradient.dtype)") }
    try withoutGradient {
      guard let root = node else {
        var own: Tensor? = gradient.to(dtype)
        accumulate(&own, intoLeaf: self)
        try ready?(self)
        return
      }
      let pass = try BackwardPass(from: [root])
      root.arrived = gradient.to(dtype)
      defer { pass.forget() }
      try pass.run(keepingGraph: keepingGraph, ready: ready)
    }
  }
}

/// Adds `derivative` to `sum`: in place where nobody else can see that memory. Not recorded.
public func accumulate(_ derivative: Tensor, into sum: inout Tensor?) {
  guard var total = sum.take() else {
    sum = derivative
    return
  }
  let isOwn = isKnownUniquelyReferenced(&total) && isKnownUniquelyReferenced(&total.storage)
  if isOwn && total.storage.isWritable && total.isDense && total.strides == derivative.strides
    && total.dtype == derivative.dtype
  {
    total.addInPlace(derivative)
  } else {
    total = total + derivative
  }
  sum = total
}

/// Adds `derivative` to the gradient of `leaf`, in memory of its own: clipping and reducing change gradients in place, and
/// a rule may hand the same tensor to both of its inputs, or a view of what it was given. Taken from its place, so that what
/// nobody else refers to is kept without a copy.
private func accumulate(_ derivative: inout Tensor?, intoLeaf leaf: Tensor) {
  guard var own = derivative.take() else { return }
  if leaf.gradient != nil { return accumulate(own, into: &leaf.gradient) }
  let isOwn = isKnownUniquelyReferenced(&own) && isKnownUniquelyReferenced(&own.storage) && own.storage.isWritable
  leaf.gradient = isOwn && own.isContiguous ? own : own.copy()
  leaf.gradient?.isDerivative = true
}

/// A walk over the recorded graph from the youngest operation to the oldest.
struct BackwardPass {
  /// The reachable operations, youngest first: all that use a result come before the one that made it.
  private var nodes: [GradientNode] = []
  /// Whose uses were counted, each once.
  private var leaves: [Tensor] = []
  private let segment: Segment?

  /// - Parameter segment: the part of a larger walk that goes on meanwhile, to which leaves and older operations belong: what
  ///   arrives at them is left there, as if the larger walk had brought it.
  init(from roots: [GradientNode], within segment: Segment? = nil) throws {
    self.segment = segment
    let oldest = segment?.oldest ?? 0
    var stack: [GradientNode] = []
    for root in roots where !root.isSeen {
      root.isSeen = true
      stack.append(root)
    }
    defer { for node in nodes + stack { node.isSeen = false } }
    while let node = stack.popLast() {
      guard node.rule != nil else {
        node.isSeen = false
        forget()
        throw TensorError("backward", "this graph was freed by an earlier backward; pass keepingGraph: true there")
      }
      nodes.append(node)
      for input in node.inputs {
        if let next = input.node, next.order > oldest {
          if !next.isSeen {
            next.isSeen = true
            stack.append(next)
          }
        } else if let segment {
          try segment.checkKnown(input)
        } else if let leaf = input.leaf {
          if leaf.pendingUses == 0 { leaves.append(leaf) }
          leaf.pendingUses += 1
        }
      }
    }
    nodes.sort { $0.order > $1.order }
  }

  func run(keepingGraph: Bool, ready: ((Tensor) throws -> Void)?) throws {
    let watch = LayerWatch.current
    for node in nodes {
      watch?.resumes(node.place)
      defer { watch?.pauses() }
      let inputs = node.inputs
      var derivatives: [Tensor?] = []
      if var arrived = node.arrived.take(), let rule = node.rule {
        try node.checkVersions()
        derivatives = try rule(&arrived)
      }
      watch?.derives(derivatives, at: node.place)
      if !keepingGraph { node.release() }
      for (index, input) in inputs.enumerated() {
        // Without a look: it may be owed.
        if index < derivatives.count, let error = derivatives[index]?.fault { throw error }
        if let source = input.node {
          guard index < derivatives.count, let derivative = derivatives[index].take() else { continue }
          accumulate(derivative, into: &source.arrived)
        } else if let leaf = input.leaf {
          if index < derivatives.count { accumulate(&derivatives[index], intoLeaf: leaf) }
          if segment != nil { continue }
          leaf.pendingUses -= 1
          if leaf.pendingUses == 0 { try ready?(leaf) }
        }
      }
    }
  }

  /// Drops what an error left behind.
  func forget() {
    for node in nodes { node.arrived = nil }
    for leaf in leaves { leaf.pendingUses = 0 }
  }
}
