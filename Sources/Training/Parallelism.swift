import DataParallel
import Kernels
import MessagePassing

/// How a configuration is spread over ranks.
extension Configuration {
  /// Which samples of each global batch are a rank's, and in which slices, where no statistics of a batch are taken.
  public func sharding(_ communicator: Communicator) -> Sharding {
    Sharding(
      rank: communicator.rank, rankCount: communicator.size, sliceSize: self.sliceSize,
      accumulation: self.accumulate, virtualShards: self.reproducible ? self.virtualShards : nil)
  }

  /// How kernels compute. In reproducible mode oneDNN gets one thread: on several it may add in another order.
  public var kernels: KernelOptions {
    var options = KernelOptions(backend: self.backend, precision: self.precision, convolution: self.convolution)
    if self.reproducible && options.backend == .onednn { options.threads = 1 }
    return options
  }

  func makeStrategy(_ replica: Replica, _ communicator: Communicator) throws -> any Strategy {
    if self.localSteps > 0 {
      return try LocalSteps(
        replica, over: communicator, length: self.localSteps, learningRate: self.outerLearningRate,
        momentum: self.outerMomentum, sliceSize: self.sliceSize, accumulation: self.accumulate,
        compression: self.compression, compressionRank: self.compressionRank)
    }
    let whole: any Strategy =
      self.reproducible
      ? Reproducible(replica, over: communicator, virtualShards: self.virtualShards)
      : try Replicated(
        replica, over: communicator, sliceSize: self.sliceSize, accumulation: self.accumulate,
        reducer: self.compression.makeReducer(replica.summed, over: communicator, rank: self.compressionRank))
    return self.shardOptimizer && communicator.size > 1 ? ShardedOptimizer(whole) : whole
  }
}
