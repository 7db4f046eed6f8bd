import MessagePassing
import Synchronization
import Tensors
import Testing

@testable import DataParallel
@testable import TestSupport

/// The tree in which virtual shards are summed, and the messages that the ranks send each other for it.
@Suite struct SummationTreeTests {
  /// 1,000 random trees; every small one is there, idle ranks included.
  static let trees: [(tree: SummationTree, leafCount: Int, rankCount: Int)] = {
    var result: [(SummationTree, Int, Int)] = []
    func add(_ leaves: Int, _ ranks: Int) {
      result.append((SummationTree(leafCount: leaves, rankCount: ranks), leaves, ranks))
    }
    for leaves in 1...12 { for ranks in 1...12 { add(leaves, ranks) } }
    var draw = SeededNumbers(1)
    while result.count < 1000 { add(draw.int(1...64), draw.int(1...20)) }
    return result
  }()

  @Test func ranksShareTheLeaves() {
    for (tree, leafCount, rankCount) in Self.trees {
      let shares = (0..<rankCount).map { tree.leaves(of: $0) }
      #expect(shares.flatMap { Array($0) } == Array(0..<leafCount), "\(leafCount) leaves, \(rankCount) ranks")
      let counts = shares.map(\.count)
      #expect((counts.max() ?? 0) - (counts.min() ?? 0) <= 1, "\(leafCount) leaves, \(rankCount) ranks: \(counts)")
      #expect(!shares[0].isEmpty, "rank 0 tells idle ranks the sum")
    }
  }

  @Test func localRootsAreTheLargestNodesOfARank() {
    for (tree, leafCount, rankCount) in Self.trees {
      let nodes = tree.nodes
      for rank in 0..<rankCount {
        let roots = tree.localRoots(of: rank)
        #expect(roots.flatMap { Array($0) } == Array(tree.leaves(of: rank)))
        for root in roots {
          #expect(nodes.contains(root), "\(root) of \(leafCount) leaves on \(rankCount) ranks")
          #expect(tree.owners(of: root) == [rank])
        }
        for (left, right) in zip(roots, roots.dropFirst()) { #expect(!tree.areSiblings(left, right)) }
      }
    }
  }

  @Test func siblingsAreTheChildrenOfOneNode() {
    for (tree, leafCount, _) in Self.trees where leafCount <= 16 {
      let pairs = tree.nodes.filter { $0.count > 1 }.map { tree.children(of: $0) }
      for left in tree.nodes {
        for right in tree.nodes where right.lowerBound == left.upperBound {
          #expect(tree.areSiblings(left, right) == pairs.contains { $0 == (left, right) })
        }
      }
    }
  }

  /// Every owner of a leaf ends with the root's sum, each message carries what its sender has, and blocking sends and
  /// receives in the tree's order never wait in a circle.
  @Test func messagesReachEveryOwner() {
    for (tree, leafCount, rankCount) in Self.trees {
      var job = TreeJob(tree, rankCount: rankCount)
      let hasEnded = job.run()
      #expect(hasEnded, "\(leafCount) leaves, \(rankCount) ranks: blocked at \(job.waiting)")
      for rank in tree.owners(of: tree.root) { #expect(job.sums[rank].contains(tree.root)) }
    }
  }

  @Test func pairsAreMutual() {
    for (tree, _, rankCount) in Self.trees {
      for node in tree.nodes where node.count > 1 {
        let transfers = tree.transfers(at: node)
        for rank in 0..<rankCount {
          guard let mine = transfers.exclusivePair(of: rank) else { continue }
          #expect(mine.from == rank)
          let back = transfers.exclusivePair(of: mine.to)
          #expect(back == Transfer(from: mine.to, to: rank, isLeft: !mine.isLeft))
        }
      }
    }
  }

  /// As recursive doubling: each rank sends its vector log2(ranks) times, all of them at once with its partner.
  @Test(arguments: [1, 2, 4, 8, 16, 32]) func noMoreBytesThanRecursiveDoubling(_ rankCount: Int) {
    for leafCount in rankCount...rankCount + (rankCount < 16 ? 60 : 20) {
      let tree = SummationTree(leafCount: leafCount, rankCount: rankCount)
      var sent = [Int](repeating: 0, count: rankCount)
      for node in tree.nodes where tree.owners(of: node).count > 1 {
        let transfers = tree.transfers(at: node)
        for transfer in transfers {
          sent[transfer.from] += 1
          #expect(transfers.exclusivePair(of: transfer.from) == transfer)
        }
      }
      let expected = [Int](repeating: rankCount.trailingZeroBitCount, count: rankCount)
      #expect(sent == expected, "\(leafCount) leaves")
    }
  }
}

/// The reducer itself, between simulated ranks.
@Suite(.timeLimit(.minutes(10))) struct TreeReducerTests {
  @Test func theSumHasTheSameBitsOnAnyRanks() throws {
    var draw = SeededNumbers(7)
    for trial in 0..<120 {
      let leafCount = trial < 20 ? trial % 10 + 1 : draw.int(1...20)
      let step = LeafSums(leafCount: leafCount, seed: UInt64(trial), &draw)
      let alone = try step.reduced(ranks: 1)[0]
      try step.expectPlainSum(alone)
      for rankCount in Set([2, draw.int(3...4), draw.int(5...12)]) {
        let all = try step.reduced(ranks: rankCount)
        for (rank, found) in all.enumerated() {
          #expect(found == alone, "\(leafCount) leaves, rank \(rank) of \(rankCount)")
        }
      }
    }
  }

  /// What one step left behind does not reach the next.
  @Test func stepsAreIndependent() throws {
    var draw = SeededNumbers(3)
    let (first, second) = (LeafSums(leafCount: 5, seed: 1, &draw), LeafSums(leafCount: 5, seed: 2, &draw))
    let alone = try second.reduced(ranks: 1)[0]
    let found = Mutex<[[[UInt32]]]>([])
    try SimulatedJob.run(ranks: 3) { communicator in
      let tree = SummationTree(leafCount: 5, rankCount: 3)
      let parameters = try second.parameters()
      let reducer = TreeReducer(over: communicator, tree: tree)
      _ = try first.step(of: communicator.rank, tree, parameters, reducer, sizes: second.sizes)
      for parameter in parameters { parameter.gradient = nil }
      let result = try second.step(of: communicator.rank, tree, parameters, reducer, sizes: second.sizes)
      found.withLock { $0.append(result) }
    }
    #expect(found.withLock { $0 } == [alone, alone, alone])
  }
}

/// The reducer between the ranks that there are, which add in pairs where they can.
@Suite(.serialized) struct TreeReducerRanksTests {
  @Test(arguments: [false, true]) func theSumHasTheSameBitsAsAlone(isEarly: Bool) throws {
    var draw = SeededNumbers(11)
    let world = try Ranks.world
    for trial in 0..<24 {
      let step = LeafSums(leafCount: trial < 12 ? trial + 1 : draw.int(1...20), seed: UInt64(trial), &draw)
      let alone = try step.reduced(ranks: 1)[0]
      let tree = SummationTree(leafCount: step.leafCount, rankCount: world.size)
      let (parameters, reducer) = (try step.parameters(), TreeReducer(over: world, tree: tree))
      for _ in 0..<2 {
        for parameter in parameters { parameter.gradient = nil }
        let found = try step.step(of: world.rank, tree, parameters, reducer, sizes: step.sizes, isEarly: isEarly)
        #expect(found == alone, "\(step.leafCount) leaves")
      }
    }
  }
}

extension SummationTree {
  /// Every node, children before their parents.
  var nodes: [Range<Int>] {
    func all(_ node: Range<Int>) -> [Range<Int>] {
      guard node.count > 1 else { return [node] }
      let (left, right) = children(of: node)
      return all(left) + all(right) + [node]
    }
    return all(root)
  }
}

/// A job in which only the tree's messages pass, one blocking operation after the other on each rank.
private struct TreeJob {
  enum Operation: Equatable {
    case send(Range<Int>, to: Int)
    case receive(Range<Int>, from: Int)
    case exchange(Range<Int>, for: Range<Int>, with: Int)
    case add(Range<Int>)
  }

  private let tree: SummationTree
  private var programs: [[Operation]]
  private(set) var sums: [Set<Range<Int>>]

  init(_ tree: SummationTree, rankCount: Int) {
    self.tree = tree
    sums = (0..<rankCount).map { Set(tree.localRoots(of: $0)) }
    programs = Array(repeating: [], count: rankCount)
    for node in tree.nodes where node.count > 1 {
      let (owners, transfers) = (tree.owners(of: node), tree.transfers(at: node))
      for rank in owners where owners.count > 1 {
        programs[rank] += Self.operations(at: node, of: rank, transfers, tree)
      }
    }
  }

  /// What a rank still waits for.
  var waiting: [Operation] { programs.compactMap(\.first) }

  private static func operations(
    at node: Range<Int>, of rank: Int, _ transfers: [Transfer], _ tree: SummationTree
  ) -> [Operation] {
    let (left, right) = tree.children(of: node)
    if let mine = transfers.exclusivePair(of: rank) {
      let (own, other) = mine.isLeft ? (left, right) : (right, left)
      return [.exchange(own, for: other, with: mine.to), .add(node)]
    }
    return transfers.compactMap { transfer in
      let child = transfer.isLeft ? left : right
      if transfer.from == rank { return .send(child, to: transfer.to) }
      return transfer.to == rank ? .receive(child, from: transfer.from) : nil
    } + [.add(node)]
  }

  /// Runs until all ranks have ended; false where they wait for each other, or lack what they should send or add.
  mutating func run() -> Bool {
    var hasMoved = true
    while hasMoved {
      hasMoved = false
      for rank in programs.indices where !programs[rank].isEmpty {
        guard let isDone = perform(programs[rank][0], on: rank) else { return false }
        if isDone { hasMoved = true }
      }
    }
    return programs.allSatisfy(\.isEmpty)
  }

  /// Whether the operation could run now; nil where it never can.
  private mutating func perform(_ operation: Operation, on rank: Int) -> Bool? {
    switch operation {
    case .receive: return false  // Done by its sender.
    case .send(let sum, let peer):
      guard sums[rank].contains(sum) else { return nil }
      guard programs[peer].first == .receive(sum, from: rank) else { return false }
      sums[peer].insert(sum)
      programs[peer].removeFirst()
    case .exchange(let own, let other, let peer):
      guard sums[rank].contains(own) else { return nil }
      guard programs[peer].first == .exchange(other, for: own, with: rank) else { return false }
      guard sums[peer].contains(other) else { return nil }
      sums[rank].insert(other)
      sums[peer].insert(own)
      programs[peer].removeFirst()
    case .add(let node):
      let (left, right) = tree.children(of: node)
      guard sums[rank].contains(left), sums[rank].contains(right) else { return nil }
      sums[rank].insert(node)
    }
    programs[rank].removeFirst()
    return true
  }
}

/// Random gradients of the virtual shards of a step.
private struct LeafSums: Sendable {
  /// Bits of each parameter's gradient.
  typealias Outcome = [[UInt32]]

  let leafCount: Int
  let seed: UInt64
  let sizes: [Int]
  /// The shards that hold no sample.
  let empty: Set<Int>

  init(leafCount: Int, seed: UInt64, _ draw: inout SeededNumbers) {
    (self.leafCount, self.seed) = (leafCount, seed)
    sizes = (0..<draw.int(1...3)).map { _ in draw.int(1...60) }
    empty = Set((0..<leafCount).filter { _ in draw.int(0...5) == 0 })
  }

  func gradient(_ parameter: Int, leaf: Int, count: Int) throws -> Tensor {
    .normal([count], key: RandomKey(seed: seed, layer: parameter, time: leaf))
  }

  func parameters() throws -> [Tensor] { sizes.map { .zeros([$0]) } }

  func reduced(ranks: Int) throws -> [Outcome] {
    let results = Mutex<[Int: Outcome]>([:])
    try SimulatedJob.run(ranks: ranks) { communicator in
      let tree = SummationTree(leafCount: leafCount, rankCount: ranks)
      let parameters = try parameters()
      let reducer = TreeReducer(over: communicator, tree: tree)
      let outcome = try step(of: communicator.rank, tree, parameters, reducer, sizes: sizes)
      results.withLock { $0[communicator.rank] = outcome }
    }
    return results.withLock { all in (0..<ranks).compactMap { all[$0] } }
  }

  /// - Parameter isEarly: some of each slice's gradients are told of as backward would.
  func step(
    of rank: Int, _ tree: SummationTree, _ parameters: [Tensor], _ reducer: TreeReducer, sizes: [Int],
    isEarly: Bool = false
  ) throws -> Outcome {
    try reducer.begin(parameters)
    for leaf in tree.leaves(of: rank) {
      if !empty.contains(leaf) {
        for (index, parameter) in parameters.enumerated() {
          parameter.gradient = try gradient(index, leaf: leaf, count: sizes[index])
        }
      }
      // Only the last slice's are final.
      if isEarly, leaf == tree.leaves(of: rank).upperBound - 1 {
        for parameter in parameters.reversed().dropLast(1) { try reducer.gradientReady(parameter) }
      }
      try reducer.add()
    }
    try reducer.finish()
    return try parameters.map { try #require($0.gradient).floats().map(\.bitPattern) }
  }

  /// Each sum is that of a plain loop in double precision.
  func expectPlainSum(_ found: Outcome) throws {
    let leaves = (0..<leafCount).filter { !empty.contains($0) }
    for (index, size) in sizes.enumerated() {
      var (sums, magnitudes) = ([Double](repeating: 0, count: size), [Double](repeating: 1e-30, count: size))
      for leaf in leaves {
        for (i, value) in try gradient(index, leaf: leaf, count: size).floats().enumerated() {
          sums[i] += Double(value)
          magnitudes[i] += abs(Double(value))
        }
      }
      for i in 0..<size {
        let difference = abs(Double(Float(bitPattern: found[index][i])) - sums[i])
        #expect(difference <= 1e-6 * magnitudes[i])
      }
    }
  }
}
