import Kernels
import MessagePassing
import Tensors

/// The reproducible reducer: gradients of the virtual shards are added in one fixed binary tree.
///
/// A rank adds what it can by itself while its slices go through the network; the rest is added between ranks, so that every rank
/// ends with the root's, bit for bit the same. Where each rank owns a whole subtree, and the tree above these is that of pairs of
/// ranks, the sums are on their way while the last slice's backward goes on; elsewhere `finish` exchanges them.
public final class TreeReducer {
  private let tree: SummationTree
  private let communicator: Communicator
  private let rank: Int
  private var tensors: [Tensor] = []
  /// The largest sums that this rank makes alone; with more ranks they go into messages.
  private let localRoots: Set<Range<Int>>
  /// Sums that wait for their sibling.
  private var waiting: [LocalSum] = []
  private var messages: [Range<Int>: SumMessage] = [:]
  private var nextLeaf = 0
  /// Sums over ranks that own a whole subtree each; nil where they don't.
  private var pairs: GradientReducer?
  private let hasPairs: Bool
  private var places: [ObjectIdentifier: Int] = [:]
  private var given: Set<ObjectIdentifier> = []

  /// The tree must be one for as many ranks as the communicator has.
  public init(over communicator: Communicator, tree: SummationTree) {
    (self.communicator, self.tree) = (communicator, tree)
    rank = communicator.rank
    localRoots = communicator.size > 1 ? Set(tree.localRoots(of: rank)) : []
    let isWhole = (0..<communicator.size).allSatisfy { tree.localRoots(of: $0).count == 1 }
    hasPairs = communicator.sumsInTree && isWhole
  }

  /// A step begins, in which these tensors' gradients are summed; the same on all ranks.
  public func begin(_ tensors: [Tensor]) throws {
    if hasPairs, !tensors.areSame(as: self.tensors) {
      places = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { (ObjectIdentifier($1), $0) })
    }
    self.tensors = tensors
    (waiting, messages) = ([], [:])
    nextLeaf = tree.leaves(of: rank).lowerBound
    guard hasPairs else { return }
    given = []
    if pairs == nil { pairs = try GradientReducer(tensors, over: communicator, .tree) }
    try pairs?.begin(tensors)
  }

  private var isLastLeaf: Bool { nextLeaf == tree.leaves(of: rank).upperBound - 1 }

  /// Takes a gradient of this rank's last virtual shard as soon as it is final.
  public func gradientReady(_ tensor: Tensor) throws {
    guard let pairs, isLastLeaf, let place = places[ObjectIdentifier(tensor)] else { return }
    given.insert(ObjectIdentifier(tensor))
    var sum = tensor.gradient ?? .zeros(tensor.shape)
    // As `add` would: each sum that waits is the left sibling of what is behind it.
    for left in waiting.reversed() { sum = left.gradients[place].owingSum(with: sum) ?? left.gradients[place] + sum }
    tensor.gradient = sum
    try pairs.gradientReady(tensor)
  }

  /// Takes the gradients of this rank's next virtual shard.
  public func add() throws {
    // `finish` gives the ones that were not ready before.
    if pairs != nil && isLastLeaf { return }
    // Zeros rather than nothing for an empty slice: a zero's sign must not depend on who added it.
    let gradients = tensors.map { $0.gradient ?? .zeros($0.shape) }
    for tensor in tensors { tensor.gradient = nil }
    try add(LocalSum(node: nextLeaf..<nextLeaf + 1, gradients: gradients))
    nextLeaf += 1
  }

  /// Leaves each tensor's `gradient` the sum of all virtual shards.
  public func finish() throws {
    defer { (waiting, messages) = ([], [:]) }
    if communicator.size == 1 { return adopt(waiting.first) }
    if let pairs {
      for tensor in tensors where !given.contains(ObjectIdentifier(tensor)) { try gradientReady(tensor) }
      try pairs.complete()
      return try pairs.finish()
    }
    try shareWithIdleRanks(combine(tree.root)).adopt(tensors)
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

  /// Alone: the root's sum is the tensors' gradient as it is.
  private func adopt(_ root: LocalSum?) {
    guard let root else { return }
    for (tensor, gradient) in zip(tensors, root.gradients) { tensor.gradient = gradient }
  }

  /// Ranks past the number of leaves have taken no part in the sum, and get it from rank 0.
  private func shareWithIdleRanks(_ sum: SumMessage?) throws -> SumMessage {
    let message = try sum ?? SumMessage(like: tensors)
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
      let received = try SumMessage(like: tensors)
      try outgoing(mine).withRowMajor { (values: UnsafeBufferPointer<Float>) in
        try received.memory.withFloats {
          try communicator.exchange(values, into: $0, with: mine.to)
        }
      }
      return received
    }
    var received: SumMessage?
    // One order for all ranks, so that blocking messages can't wait in a circle.
    for transfer in transfers {
      if transfer.from == rank {
        try outgoing(transfer).withRowMajor(as: Float.self) { try communicator.send($0, to: transfer.to) }
      } else if transfer.to == rank {
        let message = try SumMessage(like: tensors)
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
  /// In the order of the tensors; memory of nobody else.
  private(set) var gradients: [Tensor]

  init(node: Range<Int>, gradients: [Tensor]) { (self.node, self.gradients) = (node, gradients) }

  /// Becomes the sum of this node and its right sibling. Two numbers add to the same bits in either order.
  func absorb(_ right: LocalSum) throws {
    for (index, (own, other)) in zip(gradients, right.gradients).enumerated() {
      if let sum = own.owingSum(with: other) {
        gradients[index] = sum
        continue
      }
      try own.withElements(as: Float.self, reading: other) { count, own, _, other in
        ElementShares.run(count) { for i in $0 { own[i] += other[i] } }
      }
    }
    node = node.lowerBound..<right.node.upperBound
  }
}

/// The sums of one node as they travel: the gradients one after the other.
private struct SumMessage {
  let memory: Tensor

  /// Undefined sums, for a message to come.
  init(like tensors: [Tensor]) throws {
    memory = Tensor(uninitializedFloats: [tensors.reduce(0) { $0 + $1.elementCount }])
  }

  init(_ sum: LocalSum) throws {
    try self.init(like: sum.gradients)
    try fill(sum.gradients.map { [$0] })
  }

  init(_ left: LocalSum, plus right: LocalSum) throws {
    try self.init(like: left.gradients)
    try fill(
      zip(left.gradients, right.gradients).map { left, right in
        left.owingSum(with: right).map { [$0] } ?? [left, right]
      })
  }

  /// Writes the sum of one or two gradients for each tensor.
  private func fill(_ terms: [[Tensor]]) throws {
    try memory.withFloats { values in
      var start = 0
      for pair in terms {
        let count = pair[0].elementCount
        let target = UnsafeMutableBufferPointer(rebasing: values[start..<start + count])
        try pair[0].withRowMajor { (left: UnsafeBufferPointer<Float>) in
          guard pair.count > 1 else {
            for i in 0..<count { target[i] = left[i] }
            return
          }
          try pair[1].withRowMajor { right in for i in 0..<count { target[i] = left[i] + right[i] } }
        }
        start += count
      }
    }
  }

  /// Becomes the sum of both.
  func absorb(_ other: SumMessage) throws {
    try memory.withFloats { values in
      try other.memory.withRowMajor { others in for i in values.indices { values[i] += others[i] } }
    }
  }

  /// Makes the sums the tensors' gradients.
  func adopt(_ tensors: [Tensor]) throws {
    var start = 0
    for tensor in tensors {
      tensor.gradient = memory[start..<start + tensor.elementCount].reshaped(tensor.shape)
      start += tensor.elementCount
    }
  }
}
