import MessagePassing
import Tensors

/// Every rank holds the whole model and optimizer; gradients are summed over the ranks as backward finishes them, and each
/// rank makes the same update.
///
/// The losses' seeds divide by the global number of samples, so that the plain sum is the mean over the global batch.
public final class Replicated: Strategy {
  public let replica: Replica
  public let communicator: Communicator
  public let sharding: Sharding
  public let statistics: StatisticsScope
  private let reducer: any Reducer
  /// Of this rank's slices so far.
  private var sums: [Double] = []

  /// - Parameters:
  ///   - replica: this rank's model and optimizer.
  ///   - communicator: the ranks that train together.
  ///   - sliceSize: samples that go through the network at once; more where statistics are of all of them.
  ///   - accumulation: slices of a shard at least. Statistics are then of one slice of each rank.
  ///   - reducer: another way to sum the gradients than exactly.
  public init(
    _ replica: Replica, over communicator: Communicator, sliceSize: Int = .max, accumulation: Int = 1,
    reducer: (any Reducer)? = nil
  ) throws {
    (self.replica, self.communicator) = (replica, communicator)
    self.reducer = try reducer ?? GradientReducer(replica.summed, over: communicator)
    let isWhole = replica.hasStatistics
    sharding = Sharding(
      rank: communicator.rank, rankCount: communicator.size, sliceSize: isWhole ? .max : sliceSize,
      accumulation: accumulation, keepsEmpty: isWhole)
    statistics = isWhole && communicator.size > 1 ? .globalBatch(RankStatistics(communicator: communicator)) : .slice
  }

  public func skip() {
    replica.skip()
    reducer.skip()
  }

  public func beginStep() throws {
    replica.beginStep()
    sums = []
    if communicator.size > 1 { try reducer.begin(replica.summed) }
  }

  public func gradientReady(_ tensor: Tensor) throws {
    if communicator.size > 1 { try reducer.gradientReady(tensor) }
  }

  public func endSlice(_ sums: [Double]) throws {
    if communicator.size > 1 { replica.noteUses() }
    self.sums = self.sums.isEmpty ? sums : zip(self.sums, sums).map { $0 + $1 }
  }

  /// Sums and notes travel in a message of their own, beside the last gradients.
  public func reduce(_ notes: [Double], sumCount: Int) throws -> (sums: [Double], notes: [Double]) {
    let sums = self.sums.isEmpty ? [Double](repeating: 0, count: sumCount) : self.sums
    if communicator.size == 1 { return (sums, notes) }
    try reducer.complete()
    let message = Numbers(sums + notes + replica.useCounts)
    let request = try communicator.startAllReduce(message.values, owner: message)
    try reducer.finish()
    try request.wait()
    let notesEnd = sums.count + notes.count
    replica.dropUnused(message.values[notesEnd...])
    return (Array(message.values[..<sums.count]), Array(message.values[sums.count..<notesEnd]))
  }
}

/// Statistics over all ranks' shards.
private struct RankStatistics: StatisticsExchange {
  let communicator: Communicator
  func gather(_ numbers: [Double]) throws -> [[Double]] { try communicator.allGatherAlike(numbers) }
}
