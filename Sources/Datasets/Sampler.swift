/// The order of an epoch's samples, as a function of seed and epoch alone, cut into global batches.
///
/// The last batch is as short as it comes out: no sample is dropped or repeated.
public struct Sampler: Sendable {
  /// Samples of an epoch.
  public let sampleCount: Int
  /// Samples of a global batch; the last one of an epoch may have fewer.
  public let batchSize: Int
  /// What the order depends on, beside the epoch.
  public let seed: UInt64
  /// In which order samples come.
  public let ordering: Ordering

  /// Shuffles unless told not to.
  public init(sampleCount: Int, batchSize: Int, seed: UInt64 = 0, ordering: Ordering = .shuffled) {
    (self.sampleCount, self.batchSize, self.seed, self.ordering) = (sampleCount, max(batchSize, 1), seed, ordering)
  }

  /// Of a data set in its own order.
  public init(of dataset: any Dataset, batchSize: Int, seed: UInt64 = 0) {
    self.init(sampleCount: dataset.count, batchSize: batchSize, seed: seed, ordering: dataset.ordering)
  }

  /// Steps of an epoch.
  public var batchCount: Int { sampleCount / batchSize + (sampleCount % batchSize == 0 ? 0 : 1) }

  /// All samples in the order of an epoch.
  public func order(epoch: Int) -> SampleOrder {
    SampleOrder(ordering, count: sampleCount, seed: seed, epoch: epoch)
  }

  /// The positions of a batch in its epoch's order.
  public func batch(_ index: Int) -> Range<Int> {
    index * batchSize..<min((index + 1) * batchSize, sampleCount)
  }
}
