/// A fixed binary tree over the virtual shards of a global batch: sums are added in this shape, whichever rank computed
/// which leaf, so that they come out with the same bits on any number of ranks.
public struct SummationTree: Sendable {
  /// Virtual shards of a global batch, 1 at least.
  public let leafCount: Int
  /// The leaves of each rank.
  private let shares: [Range<Int>]

  /// The shape depends on the leaves alone; the ranks decide who owns which.
  public init(leafCount: Int, rankCount: Int) {
    let (leafCount, rankCount) = (max(leafCount, 1), max(rankCount, 1))
    self.leafCount = leafCount
    shares = (0..<rankCount).map { Self.share(of: $0, rankCount, leafCount) }
  }

  /// All leaves. Every node is the range of the leaves below it.
  public var root: Range<Int> { 0..<leafCount }

  /// The leaves of a rank, contiguous; none for a rank past the leaves.
  public func leaves(of rank: Int) -> Range<Int> {
    shares.indices.contains(rank) ? shares[rank] : leafCount..<leafCount
  }

  /// As long as the ranks are even in number they part as the tree does, so that at a power of two each owns one whole
  /// subtree, whatever the number of leaves.
  private static func share(of rank: Int, _ rankCount: Int, _ leafCount: Int) -> Range<Int> {
    var (node, ranks) = (0..<leafCount, 0..<rankCount)
    while ranks.count % 2 == 0 && node.count >= ranks.count {
      let middle = ranks.lowerBound + ranks.count / 2
      let (left, right) = halves(of: node)
      (node, ranks) = rank < middle ? (left, ranks.lowerBound..<middle) : (right, middle..<ranks.upperBound)
    }
    let cut = { node.lowerBound + Sharding.share(node.count, $0 - ranks.lowerBound, ranks.count) }
    return cut(rank)..<cut(rank + 1)
  }

  /// The two children of a node with more than one leaf.
  public func children(of node: Range<Int>) -> (left: Range<Int>, right: Range<Int>) { Self.halves(of: node) }

  /// The sum of a number per leaf, added in this shape.
  func sum(_ value: (Int) -> Double) -> Double {
    func sum(of node: Range<Int>) -> Double {
      if node.count == 1 { return value(node.lowerBound) }
      let (left, right) = children(of: node)
      return sum(of: left) + sum(of: right)
    }
    return sum(of: root)
  }

  private static func halves(of node: Range<Int>) -> (left: Range<Int>, right: Range<Int>) {
    let middle = node.lowerBound + node.count / 2
    return (node.lowerBound..<middle, middle..<node.upperBound)
  }

  /// The largest nodes whose leaves are all the rank's: what it can sum by itself.
  public func localRoots(of rank: Int) -> [Range<Int>] {
    let own = leaves(of: rank)
    func roots(_ node: Range<Int>) -> [Range<Int>] {
      if !node.overlaps(own) { return [] }
      if own.contains(node.lowerBound) && node.upperBound <= own.upperBound { return [node] }
      let (left, right) = children(of: node)
      return roots(left) + roots(right)
    }
    return roots(root)
  }

  /// The ranks that own a leaf of the node, in order.
  public func owners(of node: Range<Int>) -> [Int] { shares.indices.filter { shares[$0].overlaps(node) } }

  /// Whether two neighbouring nodes have one parent, which is then their union.
  func areSiblings(_ left: Range<Int>, _ right: Range<Int>) -> Bool {
    var node = root
    while node.count > 1 {
      let pair = children(of: node)
      if pair.left == left && pair.right == right { return true }
      if left.upperBound <= pair.left.upperBound && right.upperBound <= pair.left.upperBound {
        node = pair.left
      } else if left.lowerBound >= pair.right.lowerBound {
        node = pair.right
      } else {
        return false
      }
    }
    return false
  }
}

/// A message that one rank owes another when two children of a node are added.
struct Transfer: Equatable {
  let from: Int
  let to: Int
  /// Whether it carries the left child's sum or the right one's.
  let isLeft: Bool
}

extension SummationTree {
  /// The messages after which every owner of a leaf of the node has both children's sums, in one order for all ranks.
  ///
  /// At a power of two of ranks these are the pairs of recursive doubling, so that no more bytes travel than there.
  func transfers(at node: Range<Int>) -> [Transfer] {
    let (left, right) = children(of: node)
    let (leftOwners, rightOwners) = (owners(of: left), owners(of: right))
    let needRight = leftOwners.filter { !rightOwners.contains($0) }
    let needLeft = rightOwners.filter { !leftOwners.contains($0) }
    return needRight.enumerated().map { index, rank in
      Transfer(from: rightOwners[index % rightOwners.count], to: rank, isLeft: false)
    }
      + needLeft.enumerated().map { index, rank in
        Transfer(from: leftOwners[index % leftOwners.count], to: rank, isLeft: true)
      }
  }
}

extension [Transfer] {
  /// A rank's message, where it and its receiver send each other one message and nobody else any: both can go at once.
  func exclusivePair(of rank: Int) -> Transfer? {
    guard let mine = first(where: { $0.from == rank }) else { return nil }
    let others = filter { [rank, mine.to].contains($0.from) || [rank, mine.to].contains($0.to) }
    return others.count == 2 && others.contains { $0.from == mine.to && $0.to == rank } ? mine : nil
  }
}
