import Foundation

/// The slices of one rank's shard of a global batch.
public struct StepBatch: Sendable {
  /// The step's position in its epoch.
  public let index: Int
  public let slices: [Batch]
  /// Samples over all ranks.
  public let globalCount: Int
  /// What the sum of all losses is divided by: the samples over all ranks, or their tokens.
  public let globalWeight: Int
}

/// Makes the batches of an epoch in a background thread, a few steps ahead of training. It never forks: forked children
/// of a process with MPI or HDF5 open are a known way to corrupt both.
///
/// The thread ends with the epoch, with the data set's first error, when cancelled, or when the loader is let go.
public final class Loader {
  private let shelf: Shelf
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
    let shelf = Shelf(depth: max(depth, 1))
    self.shelf = shelf
    let thread = Thread {
      let order = sampler.order(epoch: epoch)
      for index in first..<max(first, sampler.batchCount) {
        let result = Result {
          let batch = sampler.batch(index)
          let parts = try slices(batch.count).map { part in
            try dataset.batch(part.map { order[batch.lowerBound + $0] }, epoch: epoch)
          }
          let weight = dataset.weight(of: batch.map { order[$0] })
          return StepBatch(index: index, slices: parts, globalCount: batch.count, globalWeight: weight)
        }
        guard shelf.put(result) else { return }
      }
    }
    thread.name = "lockstep loader"
    thread.start()
  }

  deinit { cancel() }

  /// The next step's batch, nil at the end of the epoch and once cancelled.
  public func next() throws -> StepBatch? {
    guard delivered < batchCount, let result = shelf.take() else { return nil }
    delivered += 1
    if case .failure = result { delivered = batchCount }
    return try result.get()
  }

  /// Lets the background thread end before the epoch does.
  public func cancel() { shelf.close() }
}

/// Where finished batches wait. The loader's thread holds this alone, so that a loader that nobody holds can end it.
private final class Shelf: @unchecked Sendable {
  private let condition = NSCondition()
  // Guarded by the condition.
  private var ready: [Result<StepBatch, any Error>] = []
  private var isClosed = false
  private let depth: Int

  init(depth: Int) { self.depth = depth }

  /// Waits for a place; false when nobody wants more.
  func put(_ result: Result<StepBatch, any Error>) -> Bool {
    condition.lock()
    defer { condition.unlock() }
    while ready.count >= depth && !isClosed { condition.wait() }
    if isClosed { return false }
    ready.append(result)
    condition.signal()
    if case .failure = result { return false }
    return true
  }

  /// Waits for a batch; nil once closed.
  func take() -> Result<StepBatch, any Error>? {
    condition.lock()
    defer { condition.unlock() }
    while ready.isEmpty && !isClosed { condition.wait() }
    if isClosed { return nil }
    condition.signal()
    return ready.removeFirst()
  }

  func close() {
    condition.lock()
    isClosed = true
    ready.removeAll()
    condition.broadcast()
    condition.unlock()
  }
}
