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
  ///   - sliceSize: samples that go through the network at once; a shard is whole where statistics are of all of them.
  ///   - reducer: another way to sum the gradients than exactly.
  public init(
    _ replica: Replica, over communicator: Communicator, sliceSize: Int = .max, reducer: (any Reducer)? = nil
  ) throws {
    (self.replica, self.communicator) = (replica, communicator)
    self.reducer = try reducer ?? GradientReducer(replica.summed, over: communicator)
    let isWhole = replica.hasStatistics
    sharding = Sharding(
      rank: communicator.rank, rankCount: communicator.size, sliceSize: isWhole ? .max : sliceSize, keepsEmpty: isWhole)
    statistics = isWhole && communicator.size > 1 ? .globalBatch(RankStatistics(communicator: communicator)) : .slice
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
    let message = NumberMessage(sums + notes + replica.useCounts)
    let request = try communicator.startAllReduce(message.numbers, owner: message)
    try reducer.finish()
    try request.wait()
    let notesEnd = sums.count + notes.count
    replica.dropUnused(message.numbers[notesEnd...])
    return (Array(message.numbers[..<sums.count]), Array(message.numbers[sums.count..<notesEnd]))
  }
}

/// Numbers in memory that stays where it is while they travel.
private final class NumberMessage {
  let numbers: UnsafeMutableBufferPointer<Double>

  init(_ values: [Double]) {
    numbers = .allocate(capacity: values.count)
    _ = numbers.initialize(from: values)
  }

  deinit { numbers.deallocate() }
}

/// Statistics over all ranks' shards.
private struct RankStatistics: StatisticsExchange {
  let communicator: Communicator
  func gather(_ numbers: [Double]) throws -> [[Double]] { try communicator.allGatherAlike(numbers) }
}
