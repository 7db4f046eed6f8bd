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

  /// How kernels compute. Reproducible mode has kernels that define their bits; where others are asked for, or half precision,
  /// it has one thread at least, for on several oneDNN may add in another order.
  public var kernels: KernelOptions {
    let isNative = self.reproducible && self.precision == .float32
    let backend = self.backend ?? (isNative ? .native : .onednn)
    return KernelOptions(
      backend: backend, precision: self.precision, convolution: self.convolution,
      threads: self.reproducible && backend == .onednn ? 1 : nil)
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
