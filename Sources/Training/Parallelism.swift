import DataParallel
import Kernels
import MessagePassing
import Tensors

/// How a configuration is spread over ranks.
extension Configuration {
  /// Which samples of each global batch are a rank's, and in which slices.
  ///
  /// - Parameter keepingWhole: in ordinary mode, a shard is one slice even if it is empty: what statistics over the whole
  ///   batch need.
  public func sharding(_ communicator: Communicator, keepingWhole: Bool = false) -> Sharding {
    Sharding(
      rank: communicator.rank, rankCount: communicator.size, sliceSize: keepingWhole ? .max : self.sliceSize,
      virtualShards: self.reproducible ? self.virtualShards : nil, keepsEmpty: keepingWhole)
  }

  /// How kernels compute. On several threads they may add in another order.
  public var kernels: KernelOptions {
    KernelOptions(
      backend: self.backend, precision: self.precision, convolution: self.convolution,
      threads: self.reproducible ? 1 : nil)
  }

  func makeReducer(_ parameters: [Tensor], _ communicator: Communicator) throws -> any Reducer {
    guard self.reproducible else {
      return try GradientReducer(parameters, over: communicator, signalCount: StepSignals.count)
    }
    let tree = SummationTree(leafCount: self.virtualShards, rankCount: communicator.size)
    return TreeReducer(parameters, over: communicator, tree: tree, signalCount: StepSignals.count)
  }
}
