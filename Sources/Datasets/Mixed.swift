import HDF5Files
import Kernels
import MessagePassing
import Tensors

/// A data set whose samples are blends, each of itself and of the one behind it in the epoch's order (mixup: Zhang et al. 2018).
///
/// Partner and share are functions of seed, epoch and sample, so that any number of ranks blends the same; and as the order is at
/// random, so is the partner. The last sample of an epoch stays as it is, and so do samples that are asked for outside of an epoch.
public struct Mixed: DigestedDataset, SharedDataset {
  /// The samples as they are.
  public let whole: any DigestedDataset
  private let alpha: Double
  private let seed: UInt64

  /// Blends by shares of the distribution Beta(α, α), `α` above 0 and up to 1; 1 makes all shares equally likely.
  public init(_ whole: any DigestedDataset, alpha: Double, seed: UInt64) {
    (self.whole, self.alpha, self.seed) = (whole, alpha, seed)
  }

  public var count: Int { whole.count }
  public var ordering: Ordering { whole.ordering }
  public var rows: Int? { whole.rows }
  public var digest: String { get throws { try whole.digest } }

  public func batch(_ samples: [Int]) throws -> Batch { try whole.batch(samples) }
  public func batch(_ samples: [Int], epoch: Int) throws -> Batch { try whole.batch(samples, epoch: epoch) }
  public func batch(_ samples: [Int], at positions: Range<Int>, of order: SampleOrder, epoch: Int) throws -> Batch {
    let (more, all) = Self.extended(samples, positions, order)
    return try mixed(whole.batch(more, at: all, of: order, epoch: epoch), samples, epoch)
  }
  public func weight(of samples: [Int]) -> Int { whole.weight(of: samples) }

  public func pass(_ order: SampleOrder, from position: Int, epoch: Int) throws -> any DatasetPass {
    Pass(whole: try whole.pass(order, from: position, epoch: epoch), data: self, order: order, epoch: epoch)
  }

  public func share(over communicator: Communicator) throws {
    try (whole as? any SharedDataset)?.share(over: communicator)
  }
  public func loadShare() throws { try (whole as? any SharedDataset)?.loadShare() }

  /// With the one that follows, where there is one.
  private static func extended(
    _ samples: [Int], _ positions: Range<Int>, _ order: SampleOrder
  ) -> (samples: [Int], positions: Range<Int>) {
    let end = positions.upperBound
    guard !samples.isEmpty, end < order.count else { return (samples, positions) }
    return (samples + order[end..<end + 1], positions.lowerBound..<end + 1)
  }

  /// Blends each sample with the next one of the batch, which may have one more than are wanted.
  private func mixed(_ batch: Batch, _ samples: [Int], _ epoch: Int) throws -> Batch {
    let count = samples.count
    let shares = samples.enumerated().map { row, sample -> Float in
      row + 1 < batch.samples.count ? share(of: sample, epoch) : 1
    }
    var shape = batch.inputs.shape.extents
    guard count > 0, let rows = shape.first, batch.inputs.dtype == .float32, batch.targets.rank == 1 else {
      return batch
    }
    shape[0] = count
    let inputs = Tensor(uninitializedFloats: Shape(shape))
    let width = inputs.elementCount / count
    try inputs.withFloats { target in
      try batch.inputs.withRowMajor(as: Float.self) { source in
        for (row, share) in shares.enumerated() {
          let (own, other) = (row * width, min(row + 1, rows - 1) * width)
          for i in 0..<width { target[own + i] = source[own + i] * share + source[other + i] * (1 - share) }
        }
      }
    }
    let labels = try batch.targets.values(as: Int64.self)
    var result = Batch(inputs: inputs, targets: Tensor(Array(labels[..<count])), samples: samples)
    result.weights = batch.weights.map { $0[..<count] }
    let partners = Array(labels.dropFirst()) + (labels.count == count ? [labels[count - 1]] : [])
    result.mixture = Mixture(targets: Tensor(partners), shares: Tensor(shares))
    return result
  }

  /// Of Beta(α, α), by Jöhnk's rule: `u^(1/α)` of the sum of two such, where that is at most 1.
  private func share(of sample: Int, _ epoch: Int) -> Float {
    let key = RandomKey(seed: seed, .augmentation, layer: 1, time: epoch, sample: sample)
    // Of α up to 1 at least every second pair will do.
    for pair in 0..<64 {
      let logs = [0, 1].map { ElementaryFunction.log.value(1 - key.even(draw: 2 * pair + $0)) / alpha }
      // Divided by the larger one, which may be too small to be a number by itself.
      let most = max(logs[0], logs[1])
      let parts = logs.map { ElementaryFunction.exp.value($0 - most) }
      let sum = parts[0] + parts[1]
      if most + ElementaryFunction.log.value(sum) <= 0 { return Float(parts[0] / sum) }
    }
    return 1
  }

  private struct Pass: DatasetPass {
    let whole: any DatasetPass
    let data: Mixed
    let order: SampleOrder
    let epoch: Int

    func advance(to position: Int) { whole.advance(to: position) }
    func batch(_ samples: [Int], at positions: Range<Int>) throws -> Batch {
      let (more, all) = Mixed.extended(samples, positions, order)
      return try data.mixed(whole.batch(more, at: all), samples, epoch)
    }
    func finish() { whole.finish() }
  }
}
