import MessagePassing
import Tensors

/// Every rank holds the whole model and optimizer; the global batch is computed in fixed virtual shards, whose gradients and
/// sums are added in one fixed binary tree: the same bits on any number of ranks.
public final class Reproducible: Strategy {
  public let replica: Replica
  public let communicator: Communicator
  public let sharding: Sharding
  /// Of each virtual shard.
  public let statistics = StatisticsScope.slice
  public let ledger: GradientLedger? = GradientLedger()
  private let tree: SummationTree
  private let reducer: TreeReducer
  /// Of this rank's virtual shards so far.
  private var leafSums: [[Double]] = []

  /// As many virtual shards as the training has, 1 at least: another number gives other bits.
  public init(_ replica: Replica, over communicator: Communicator, virtualShards: Int) {
    (self.replica, self.communicator) = (replica, communicator)
    sharding = Sharding(rank: communicator.rank, rankCount: communicator.size, virtualShards: virtualShards)
    tree = SummationTree(leafCount: virtualShards, rankCount: communicator.size)
    reducer = TreeReducer(over: communicator, tree: tree)
  }

  public func beginStep() throws {
    replica.beginStep()
    leafSums = []
    try reducer.begin(replica.summed)
  }

  /// A slice's gradients of dense layers are small work and large memory: the tree's sums are computed without them.
  public var addsOwedGradients: Bool { ledger?.isOpen != true }

  /// Not where the ledger will want to see what the slice came to.
  public func gradientReady(_ tensor: Tensor) throws {
    if ledger?.isOpen != true { try reducer.gradientReady(tensor) }
  }

  public func endSlice(_ sums: [Double]) throws {
    leafSums.append(sums)
    replica.noteUses()
    try ledger?.note(replica.summed)
    try reducer.add()
  }

  public func reduce(_ notes: [Double], sumCount: Int) throws -> (sums: [Double], notes: [Double]) {
    try reducer.finish()
    // One place for each leaf: adding the other ranks' zeros changes no bit.
    let first = tree.leaves(of: communicator.rank).lowerBound * sumCount
    var numbers = [Double](repeating: 0, count: tree.leafCount * sumCount)
    for (index, number) in leafSums.joined().enumerated() { numbers[first + index] = number }
    let (notesStart, notesEnd) = (numbers.count, numbers.count + notes.count)
    numbers += notes + replica.useCounts
    if communicator.size > 1 { numbers = try communicator.allReduce(numbers) }
    replica.dropUnused(numbers[notesEnd...])
    let sums = (0..<sumCount).map { index in tree.sum { numbers[$0 * sumCount + index] } }
    return (sums, Array(numbers[notesStart..<notesEnd]))
  }
}
