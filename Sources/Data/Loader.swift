import Foundation
import Synchronization

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
  private enum Item {
    case batch(StepBatch)
    case failure(any Error)
  }
  private struct Queue {
    var items: [Item] = []
    var isCancelled = false
  }

  private let queue = Mutex(Queue())
  private let filled = DispatchSemaphore(value: 0)
  private let free: DispatchSemaphore
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
    free = DispatchSemaphore(value: depth)
    let thread = Thread { [self] in produce(dataset, sampler, epoch, first, slices) }
    thread.name = "lockstep loader"
    thread.start()
  }

  /// The next step's batch, nil at the end of the epoch.
  public func next() throws -> StepBatch? {
    guard delivered < batchCount else { return nil }
    filled.wait()
    let item = queue.withLock { $0.items.isEmpty ? nil : $0.items.removeFirst() }
    free.signal()
    delivered += 1
    switch item {
    case .batch(let batch): return batch
    case .failure(let error):
      delivered = batchCount
      throw error
    case nil: return nil
    }
  }

  /// Lets the background thread end before the epoch does.
  public func cancel() {
    queue.withLock { $0.isCancelled = true }
    free.signal()
  }

  private func produce(
    _ dataset: any Dataset, _ sampler: Sampler, _ epoch: Int, _ first: Int, _ slices: (Int) -> [Range<Int>]
  ) {
    let order = sampler.order(epoch: epoch)
    for index in first..<max(first, sampler.batchCount) {
      free.wait()
      if queue.withLock({ $0.isCancelled }) { return }
      let item: Item
      do {
        let batch = sampler.batch(index)
        let parts = try slices(batch.count).map { part in
          try dataset.batch(part.map { order[batch.lowerBound + $0] })
        }
        item = .batch(StepBatch(index: index, slices: parts, globalCount: batch.count))
      } catch {
        item = .failure(error)
      }
      queue.withLock { $0.items.append(item) }
      filled.signal()
    }
  }
}
