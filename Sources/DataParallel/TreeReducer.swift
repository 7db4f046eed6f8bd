import MessagePassing
import Tensors

/// The reproducible reducer: gradients and totals of the virtual shards are added in one fixed binary tree.
///
/// A rank adds what it can by itself while its slices go through the network; `finish` exchanges the remaining sums so that
/// every rank ends with the root's, bit for bit the same.
public final class TreeReducer: Reducer {
  public var signals: [Float]
  private let tree: SummationTree
  private let parameters: [Tensor]
  private let communicator: Communicator
  private let rank: Int
  /// The largest sums that this rank makes alone; with more ranks they go into messages.
  private let localRoots: Set<Range<Int>>
  /// Sums that wait for their sibling.
  private var waiting: [LocalSum] = []
  private var messages: [Range<Int>: SumMessage] = [:]
  private var nextLeaf: Int

  public init(
    _ parameters: [Tensor], over communicator: Communicator, tree: SummationTree, signalCount: Int
  ) {
    (self.parameters, self.communicator, self.tree) = (parameters, communicator, tree)
    rank = communicator.rank
    signals = [Float](repeating: 0, count: signalCount)
    nextLeaf = tree.leaves(of: rank).lowerBound
    localRoots = communicator.size > 1 ? Set(tree.localRoots(of: rank)) : []
  }

  public func gradientReady(_ parameter: Tensor) throws {}

  public func sliceFinished(_ totals: [Double]) throws {
    // Zeros rather than nothing for an empty slice: a zero's sign must not depend on who added it.
    let gradients = parameters.map { $0.gradient ?? .zeros($0.shape) }
    for parameter in parameters { parameter.gradient = nil }
    try add(LocalSum(node: nextLeaf..<nextLeaf + 1, gradients: gradients, totals: totals))
    nextLeaf += 1
  }

  public func finish() throws -> [Double] {
    defer {
      (waiting, messages) = ([], [:])
      nextLeaf = tree.leaves(of: rank).lowerBound
    }
    if communicator.size == 1 { return adopt(waiting.first) }
    let sum = try shareWithIdleRanks(combine(tree.root))
    signals = try communicator.allReduce(signals)
    let totals = try sum.adopt(parameters)
    // Each rank has the whole sum now; it counts once.
    return rank == 0 ? totals : totals.map { _ in 0 }
  }

  /// Adds a sum to its sibling as long as that one waits. The last sum before a message is written straight into it:
  /// gradients of dense layers are large beside the work of a slice, so each walk over them counts.
  private func add(_ sum: LocalSum) throws {
    var sum = sum
    while let left = waiting.last, tree.areSiblings(left.node, sum.node) {
      waiting.removeLast()
      let node = left.node.lowerBound..<sum.node.upperBound
      if localRoots.contains(node) {
        messages[node] = try SumMessage(left, plus: sum)
        return
      }
      try left.absorb(sum)
      sum = left
    }
    if localRoots.contains(sum.node) {
      messages[sum.node] = try SumMessage(sum)
    } else {
      waiting.append(sum)
    }
  }

  /// Alone: the root's sum is the parameters' gradient as it is.
  private func adopt(_ root: LocalSum?) -> [Double] {
    guard let root else { return [] }
    for (parameter, gradient) in zip(parameters, root.gradients) { parameter.gradient = gradient }
    return root.totals
  }

  /// Ranks past the number of leaves have taken no part in the sum, and get it from rank 0.
  private func shareWithIdleRanks(_ sum: SumMessage?) throws -> SumMessage {
    let message = try sum ?? SumMessage(like: parameters)
    if communicator.size > tree.leafCount {
      try message.memory.withFloats { try communicator.broadcast($0, from: 0) }
    }
    return message
  }

  /// The sum of a node: known, or added from its children after the messages that they need. Nil on ranks that own none of
  /// its leaves.
  private func combine(_ node: Range<Int>) throws -> SumMessage? {
    if let message = messages[node] { return message }
    guard node.count > 1 else { return nil }
    let (leftNode, rightNode) = tree.children(of: node)
    let left = try combine(leftNode)
    let right = try combine(rightNode)
    let received = try exchange(tree.transfers(at: node), left, right)
    guard let own = left ?? right, let other = left == nil ? received : right ?? received else { return nil }
    try own.absorb(other)
    return own
  }

  /// Sends this rank's children to whoever needs them, and returns the one that it lacks.
  private func exchange(_ transfers: [Transfer], _ left: SumMessage?, _ right: SumMessage?) throws -> SumMessage? {
    guard let own = left ?? right else { return nil }
    func outgoing(_ transfer: Transfer) -> Tensor { (transfer.isLeft ? left ?? own : right ?? own).memory }
    if let mine = transfers.exclusivePair(of: rank) {
      let received = try SumMessage(like: parameters)
      try outgoing(mine).withFloats { values in
        try received.memory.withFloats {
          try communicator.exchange(UnsafeBufferPointer(values), into: $0, with: mine.to)
        }
      }
      return received
    }
    var received: SumMessage?
    // One order for all ranks, so that blocking messages can't wait in a circle.
    for transfer in transfers {
      if transfer.from == rank {
        try outgoing(transfer).withFloats { try communicator.send(UnsafeBufferPointer($0), to: transfer.to) }
      } else if transfer.to == rank {
        let message = try SumMessage(like: parameters)
        try message.memory.withFloats { try communicator.receive(into: $0, from: transfer.from) }
        received = message
      }
    }
    return received
  }
}

/// The sums of one node of the tree, as this rank's slices left them.
private final class LocalSum {
  private(set) var node: Range<Int>
  /// In the order of the parameters; memory of nobody else.
  let gradients: [Tensor]
  private(set) var totals: [Double]

  init(node: Range<Int>, gradients: [Tensor], totals: [Double]) {
    (self.node, self.gradients, self.totals) = (node, gradients, totals)
  }

  /// Becomes the sum of this node and its right sibling. Two numbers add to the same bits in either order.
  func absorb(_ right: LocalSum) throws {
    for (own, other) in zip(gradients, right.gradients) {
      try own.withFloats { own in try other.withFloats { other in for i in own.indices { own[i] += other[i] } } }
    }
    totals = zip(totals, right.totals).map { $0 + $1 }
    node = node.lowerBound..<right.node.upperBound
  }
}

/// The sums of one node as they travel: the gradients one after the other, then the totals, each as the two halves of its
/// bits.
private struct SumMessage {
  static let totalCount = 3
  let memory: Tensor
  private var tailStart: Int { memory.elementCount - 2 * Self.totalCount }

  /// Undefined sums, for a message to come.
  init(like parameters: [Tensor]) throws {
    let count = parameters.reduce(2 * Self.totalCount) { $0 + $1.elementCount }
    memory = Tensor(uninitializedFloats: [count])
  }

  init(_ sum: LocalSum) throws {
    try self.init(like: sum.gradients)
    try fill(sum.gradients.map { [$0] }, totals: sum.totals)
  }

  init(_ left: LocalSum, plus right: LocalSum) throws {
    try self.init(like: left.gradients)
    try fill(zip(left.gradients, right.gradients).map { [$0, $1] }, totals: zip(left.totals, right.totals).map(+))
  }

  /// Writes the sum of one or two gradients for each parameter.
  private func fill(_ terms: [[Tensor]], totals: [Double]) throws {
    try memory.withFloats { values in
      var start = 0
      for pair in terms {
        let count = pair[0].elementCount
        let target = UnsafeMutableBufferPointer(rebasing: values[start..<start + count])
        try pair[0].withFloats { left in
          guard pair.count > 1 else {
            for i in 0..<count { target[i] = left[i] }
            return
          }
          try pair[1].withFloats { right in for i in 0..<count { target[i] = left[i] + right[i] } }
        }
        start += count
      }
      write(totals, to: values)
    }
  }

  /// Becomes the sum of both.
  func absorb(_ other: SumMessage) throws {
    try memory.withFloats { values in
      try other.memory.withFloats { others in
        let totals = zip(read(values), read(others)).map(+)
        for i in 0..<tailStart { values[i] += others[i] }
        write(totals, to: values)
      }
    }
  }

  /// Makes the sums the parameters' gradients, and returns the totals.
  func adopt(_ parameters: [Tensor]) throws -> [Double] {
    var start = 0
    for parameter in parameters {
      parameter.gradient = memory[start..<start + parameter.elementCount].reshaped(parameter.shape)
      start += parameter.elementCount
    }
    return try memory.withFloats(read)
  }

  private func read(_ values: UnsafeMutableBufferPointer<Float>) -> [Double] {
    (0..<Self.totalCount).map { index in
      let (high, low) = (values[tailStart + 2 * index].bitPattern, values[tailStart + 2 * index + 1].bitPattern)
      return Double(bitPattern: UInt64(high) << 32 | UInt64(low))
    }
  }

  private func write(_ totals: [Double], to values: UnsafeMutableBufferPointer<Float>) {
    for (index, total) in totals.enumerated() {
      values[tailStart + 2 * index] = Float(bitPattern: UInt32(total.bitPattern >> 32))
      values[tailStart + 2 * index + 1] = Float(bitPattern: UInt32(truncatingIfNeeded: total.bitPattern))
    }
  }
}
