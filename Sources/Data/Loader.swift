import Foundation

/// The slices of one rank's shard of a global batch.
public struct StepBatch: Sendable {
  /// The step's position in its epoch.
  public let index: Int
  public let slices: [Batch]
  /// Samples over all ranks.
  public let globalCount: Int
}

/// Makes the batches of an epoch in a background thread, a few steps ahead of training. It never forks: forked children
/// of a process with MPI or HDF5 open are a known way to corrupt both.
public final class Loader: @unchecked Sendable {
  private let condition = NSCondition()
  // Guarded by the condition.
  private var ready: [Result<StepBatch, any Error>] = []
  private var isCancelled = false

  private let depth: Int
  private let batchCount: Int
  private var delivered: Int

  /// Loads the steps `first..<sampler.batchCount` of an epoch.
  ///
  /// - Parameters:
  ///   - slices: which positions of a global batch of the given size are this rank's, slice by slice.
  ///   - depth: how many steps are made ahead.
  public init(
    _ dataset: any Dataset, _ sampler: Sampler, epoch: Int, from first: Int = 0, depth: Int = 2,
    slices: @escaping @Sendable (Int) -> [Range<Int>]
  ) {
    batchCount = sampler.batchCount
    delivered = first
    self.depth = max(depth, 1)
    let thread = Thread { [self] in produce(dataset, sampler, epoch, first, slices) }
    thread.name = "lockstep loader"
    thread.start()
  }

  /// The next step's batch, nil at the end of the epoch.
  public func next() throws -> StepBatch? {
    guard delivered < batchCount else { return nil }
    condition.lock()
    while ready.isEmpty { condition.wait() }
    let result = ready.removeFirst()
    condition.signal()
    condition.unlock()
    delivered += 1
    if case .failure = result { delivered = batchCount }
    return try result.get()
  }

  /// Lets the background thread end before the epoch does.
  public func cancel() {
    condition.lock()
    isCancelled = true
    condition.signal()
    condition.unlock()
  }

  private func produce(
    _ dataset: any Dataset, _ sampler: Sampler, _ epoch: Int, _ first: Int, _ slices: (Int) -> [Range<Int>]
  ) {
    let order = sampler.order(epoch: epoch)
    for index in first..<max(first, sampler.batchCount) {
      let result = Result {
        let batch = sampler.batch(index)
        let parts = try slices(batch.count).map { part in
          try dataset.batch(part.map { order[batch.lowerBound + $0] })
        }
        return StepBatch(index: index, slices: parts, globalCount: batch.count)
      }
      condition.lock()
      while ready.count >= depth && !isCancelled { condition.wait() }
      ready.append(result)
      let isDone = isCancelled
      condition.signal()
      condition.unlock()
      if isDone { return }
    }
  }
}
