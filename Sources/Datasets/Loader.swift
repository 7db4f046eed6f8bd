import Failures
import Foundation

/// The slices of one rank's shard of a global batch.
public struct StepBatch: Sendable {
  /// The step's position in its epoch.
  public let index: Int
  /// This rank's samples, in the pieces that go through the network at once.
  public let slices: [Batch]
  /// Samples over all ranks.
  public let globalCount: Int
  /// What the sum of all losses is divided by: the samples over all ranks, or their tokens.
  public let globalWeight: Int
}

/// Makes the batches of an epoch, those that take their time in a background thread, a few steps ahead of training. It never
/// forks: forked children of a process with MPI or HDF5 open are a known way to corrupt both.
///
/// Handing a batch over from another thread takes longer than copying a few rows: as long as batches are made faster than
/// that, the reader makes them itself, each when it asks for it.
///
/// The thread ends with the epoch, with the data set's first error, when cancelled, or when the loader is let go.
public final class Loader {
  /// What makes the batches of an epoch.
  private struct Work: Sendable {
    let dataset: any Dataset
    let sampler: Sampler
    let order: SampleOrder
    let slices: @Sendable (Int) -> [Range<Int>]

    func load(_ index: Int, _ pass: any DatasetPass) throws -> StepBatch {
      let batch = sampler.batch(index)
      let samples = order[batch]
      let parts = try slices(batch.count).map { part in
        let positions = batch.lowerBound + part.lowerBound..<batch.lowerBound + part.upperBound
        return try pass.batch(Array(samples[part]), at: positions)
      }
      pass.advance(to: batch.upperBound)
      let weight = dataset.weight(of: samples)
      return StepBatch(index: index, slices: parts, globalCount: batch.count, globalWeight: weight)
    }
  }

  private let work: Work
  /// What comes of a pass that could not begin, the first batch says.
  private let pass: Result<any DatasetPass, any Error>
  private let shelf: Shelf
  private var hasThread = false
  private var delivered: Int
  /// Batches that take longer are worth a thread.
  private static let ownNanoseconds = 50_000

  /// Loads the steps `first..<sampler.batchCount` of an epoch, up to `depth` steps ahead. `slices` says which positions
  /// of a global batch of the given size are this rank's, slice by slice.
  public init(
    _ dataset: any Dataset, _ sampler: Sampler, epoch: Int, from first: Int = 0, depth: Int = 2,
    slices: @escaping @Sendable (Int) -> [Range<Int>]
  ) {
    let order = sampler.order(epoch: epoch)
    work = Work(dataset: dataset, sampler: sampler, order: order, slices: slices)
    pass = Result { try dataset.pass(order, from: first * sampler.batchSize, epoch: epoch) }
    shelf = Shelf(depth: max(depth, 1))
    delivered = first
  }

  deinit { cancel() }

  /// One step's batch alone, without a thread.
  public static func load(
    _ index: Int, of dataset: any Dataset, _ sampler: Sampler, epoch: Int,
    slices: @escaping @Sendable (Int) -> [Range<Int>]
  ) throws -> StepBatch {
    let order = sampler.order(epoch: epoch)
    return try Work(dataset: dataset, sampler: sampler, order: order, slices: slices)
      .load(index, DirectPass(dataset, order, epoch: epoch))
  }

  /// The next step's batch, nil at the end of the epoch and once cancelled.
  public func next() throws -> StepBatch? {
    guard delivered < work.sampler.batchCount else { return nil }
    let index = delivered
    delivered += 1
    do {
      if hasThread { return try shelf.take()?.get() }
      if shelf.isClosed { return nil }
      let start = monotonicNanoseconds()
      let batch = try work.load(index, pass.get())
      if monotonicNanoseconds() - start > Self.ownNanoseconds { startThread(from: index + 1) }
      return batch
    } catch {
      delivered = work.sampler.batchCount
      throw error
    }
  }

  private func startThread(from first: Int) {
    hasThread = true
    // It holds neither the loader nor, once it has ended, the data set.
    shelf.beginWork()
    let thread = Thread { [work, shelf, pass] in
      defer { shelf.endWork() }
      for index in first..<max(first, work.sampler.batchCount) {
        guard shelf.put(Result { try work.load(index, pass.get()) }) else { return }
      }
    }
    thread.name = "lockstep loader"
    thread.start()
  }

  /// Ends the background thread before the epoch does, and waits until it has: it may be in the midst of a batch.
  public func cancel() {
    // First the pass: its thread may be waited for by the loader's.
    try? pass.get().finish()
    shelf.close()
  }
}

/// Where finished batches wait. The loader's thread holds this alone, so that a loader that nobody holds can end it.
private final class Shelf: @unchecked Sendable {
  private let condition = NSCondition()
  // Guarded by the condition.
  private var ready: [Result<StepBatch, any Error>] = []
  private var hasClosed = false
  private var isWorking = false
  private let depth: Int

  init(depth: Int) { self.depth = depth }

  var isClosed: Bool {
    condition.lock()
    defer { condition.unlock() }
    return hasClosed
  }

  /// A thread makes batches from here on.
  func beginWork() {
    condition.lock()
    isWorking = true
    condition.unlock()
  }

  func endWork() {
    condition.lock()
    isWorking = false
    condition.broadcast()
    condition.unlock()
  }

  /// Waits for a place; false when nobody wants more.
  func put(_ result: Result<StepBatch, any Error>) -> Bool {
    condition.lock()
    defer { condition.unlock() }
    while ready.count >= depth && !hasClosed { condition.wait() }
    if hasClosed { return false }
    ready.append(result)
    condition.signal()
    if case .failure = result { return false }
    return true
  }

  /// Waits for a batch; nil once closed.
  func take() -> Result<StepBatch, any Error>? {
    condition.lock()
    defer { condition.unlock() }
    while ready.isEmpty && !hasClosed { condition.wait() }
    if hasClosed { return nil }
    condition.signal()
    return ready.removeFirst()
  }

  /// Nobody wants more; waits until nobody makes any.
  func close() {
    condition.lock()
    hasClosed = true
    ready.removeAll()
    condition.broadcast()
    while isWorking { condition.wait() }
    condition.unlock()
  }
}
