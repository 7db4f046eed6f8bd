import MessagePassing
import Tensors

/// The reproducible reducer: gradients and totals of the virtual shards are added in one fixed binary tree.
///
/// A rank adds what it can by itself while its slices go through the network; `finish` exchanges the remaining partial sums
/// so that every rank ends with the root's, bit for bit the same.
public final class TreeReducer: Reducer {
  /// The sums of one node of the tree.
  fileprivate final class Partial {
    private(set) var node: Range<Int>
    /// In the order of the parameters.
    private(set) var gradients: [Tensor?]
    private(set) var totals: [Double]

    init(node: Range<Int>, gradients: [Tensor?], totals: [Double]) {
      (self.node, self.gradients, self.totals) = (node, gradients, totals)
    }

    /// Becomes the sum of this node and its sibling. Two numbers add to the same bits in either order.
    func absorb(_ right: Partial) throws {
      for (index, gradient) in right.gradients.enumerated() {
        if let gradient { try accumulate(gradient, into: &gradients[index]) }
      }
      totals = zip(totals, right.totals).map { $0 + $1 }
      node = min(node.lowerBound, right.node.lowerBound)..<max(node.upperBound, right.node.upperBound)
    }
  }

  public var signals: [Float]
  private let tree: SummationTree
  private let parameters: [Tensor]
  private let communicator: Communicator
  private let rank: Int
  private var partials: [Partial] = []
  private var nextLeaf: Int

  public init(
    _ parameters: [Tensor], over communicator: Communicator, tree: SummationTree, signalCount: Int
  ) {
    (self.parameters, self.communicator, self.tree) = (parameters, communicator, tree)
    rank = communicator.rank
    signals = [Float](repeating: 0, count: signalCount)
    nextLeaf = tree.leaves(of: rank).lowerBound
  }

  public func gradientReady(_ parameter: Tensor) throws {}

  public func sliceFinished(_ totals: [Double]) throws {
    // Zeros rather than nothing for an empty slice: a zero's sign must not depend on who added it.
    let gradients = try parameters.map { try $0.gradient ?? .zeros($0.shape) }
    partials.append(Partial(node: nextLeaf..<nextLeaf + 1, gradients: gradients, totals: totals))
    for parameter in parameters { parameter.gradient = nil }
    nextLeaf += 1
    try mergeSiblings()
  }

  public func finish() throws -> [Double] {
    defer { nextLeaf = tree.leaves(of: rank).lowerBound }
    let sum = try shareWithIdleRanks(combine(tree.root, takePartials()))
    if communicator.size > 1 { signals = try communicator.allReduce(signals) }
    adopt(sum)
    // Each rank has the whole sum now; it counts once.
    return rank == 0 ? sum?.totals ?? [] : (sum?.totals ?? []).map { _ in 0 }
  }

  /// Ranks past the number of leaves have taken no part in the sum, and get it from rank 0.
  private func shareWithIdleRanks(_ sum: Partial?) throws -> Partial? {
    guard communicator.size > tree.leafCount else { return sum }
    let zero = Partial(node: tree.root, gradients: parameters.map { _ in nil }, totals: [0, 0, 0])
    let message = try (sum ?? zero).packed(parameters)
    try message.withFloats { try communicator.broadcast($0, from: 0) }
    if sum != nil { return sum }
    try zero.absorb(message, parameters, sibling: tree.root)
    return zero
  }

  private func mergeSiblings() throws {
    while partials.count > 1 {
      let (left, right) = (partials[partials.count - 2], partials[partials.count - 1])
      guard tree.areSiblings(left.node, right.node) else { return }
      partials.removeLast()
      try left.absorb(right)
    }
  }

  /// This rank's own sums by their nodes.
  private func takePartials() -> [Range<Int>: Partial] {
    defer { partials = [] }
    return Dictionary(uniqueKeysWithValues: partials.map { ($0.node, $0) })
  }

  /// Makes the root's sum the parameters' gradient.
  private func adopt(_ sum: Partial?) {
    guard let sum else { return }
    for (parameter, gradient) in zip(parameters, sum.gradients) { parameter.gradient = gradient }
  }

  /// The sum of a node: known, or added from its children after the messages that they need. Nil on ranks that own none of
  /// its leaves.
  private func combine(_ node: Range<Int>, _ known: [Range<Int>: Partial]) throws -> Partial? {
    if let partial = known[node] { return partial }
    guard node.count > 1 else { return nil }
    let (leftNode, rightNode) = tree.children(of: node)
    let left = try combine(leftNode, known)
    let right = try combine(rightNode, known)
    let received = try exchange(tree.transfers(at: node), left, right)
    if let left, let right {
      try left.absorb(right)
      return left
    }
    guard let own = left ?? right, let received else { return nil }
    try own.absorb(received, parameters, sibling: left == nil ? leftNode : rightNode)
    return own
  }

  /// Sends this rank's children to whoever needs them, and returns the one that it lacks.
  private func exchange(_ transfers: [Transfer], _ left: Partial?, _ right: Partial?) throws -> Tensor? {
    guard let own = left ?? right else { return nil }
    func message(_ transfer: Transfer) throws -> Tensor {
      try (transfer.isLeft ? left ?? own : right ?? own).packed(parameters)
    }
    func receiving(_ body: (UnsafeMutableBufferPointer<Float>) throws -> Void) throws -> Tensor {
      let result = try Tensor(uninitializedFloats: [own.messageCount(parameters)])
      try result.withFloats(body)
      return result
    }
    if let mine = transfers.exclusivePair(of: rank) {
      return try message(mine).withFloats { values in
        try receiving { try communicator.exchange(UnsafeBufferPointer(values), into: $0, with: mine.to) }
      }
    }
    var received: Tensor?
    // One order for all ranks, so that blocking messages can't wait in a circle.
    for transfer in transfers {
      if transfer.from == rank {
        try message(transfer).withFloats { try communicator.send(UnsafeBufferPointer($0), to: transfer.to) }
      } else if transfer.to == rank {
        received = try receiving { try communicator.receive(into: $0, from: transfer.from) }
      }
    }
    return received
  }
}

/// Messages: the gradients one after the other, then the totals, each as the two halves of its bits.
extension TreeReducer.Partial {
  fileprivate func messageCount(_ parameters: [Tensor]) -> Int {
    parameters.reduce(2 * totals.count) { $0 + $1.elementCount }
  }

  fileprivate func packed(_ parameters: [Tensor]) throws -> Tensor {
    let message = try Tensor(uninitializedFloats: [messageCount(parameters)])
    var start = 0
    for (parameter, gradient) in zip(parameters, gradients) {
      let place = try message[start..<start + parameter.elementCount].reshaped(parameter.shape)
      if let gradient { try place.assign(gradient) } else { try place.fill(0) }
      start += parameter.elementCount
    }
    try message.withFloats { values in
      for (index, total) in totals.enumerated() {
        values[start + 2 * index] = Float(bitPattern: UInt32(total.bitPattern >> 32))
        values[start + 2 * index + 1] = Float(bitPattern: UInt32(truncatingIfNeeded: total.bitPattern))
      }
    }
    return message
  }

  /// Adds a sibling's message.
  fileprivate func absorb(_ message: Tensor, _ parameters: [Tensor], sibling: Range<Int>) throws {
    var start = 0
    let others = try parameters.map { parameter -> Tensor? in
      defer { start += parameter.elementCount }
      return try message[start..<start + parameter.elementCount].reshaped(parameter.shape)
    }
    let added = try message.withFloats { values in
      totals.indices.map { index in
        let (high, low) = (values[start + 2 * index].bitPattern, values[start + 2 * index + 1].bitPattern)
        return Double(bitPattern: UInt64(high) << 32 | UInt64(low))
      }
    }
    try absorb(TreeReducer.Partial(node: sibling, gradients: others, totals: added))
  }
}
