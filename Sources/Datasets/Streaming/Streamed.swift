import Failures
import HDF5Files
import MessagePassing
import Synchronization
import Tensors

/// How an epoch's samples are shuffled.
public enum Shuffling: String, Sendable, CaseIterable, Codable {
  /// Every order is as likely as any other; all samples must be at hand.
  case full
  /// Chunks first, then samples within a window of them.
  case windowed
}

/// A budget of memory that is too small for the data.
public struct MemoryBudgetError: Failure, Equatable {
  public let description: String
  public var kind: FailureKind { .usage }

  init(_ description: String) { self.description = description }
}

/// How much memory data may take, and how they are shuffled.
public struct StreamingOptions: Sendable, Equatable {
  /// Bytes that a rank may keep of a data set's samples.
  public var memory: Int
  /// full where all samples fit the memory, else windowed, unless set.
  public var shuffling: Shuffling?
  /// Bytes of a window; chosen from the data unless set.
  public var window: Int?
  /// Whether a training goes on without the samples of chunks that can't be read; samples of others take their place.
  public var skipsBadChunks = false

  /// Shuffled as it fits.
  public init(memory: Int = 256 << 20) { self.memory = memory }
}

/// Samples in chunks as a data set: all of them in memory where that is enough, else as many as a pass over them needs at a
/// time. Ranks of one host may share one copy (`share`).
public final class Streamed: DigestedDataset, SharedDataset {
  private let source: any StreamingDataset
  private let layout: ChunkLayout
  /// Whether all samples stay in memory, once they were read.
  public let isResident: Bool
  public let ordering: Ordering
  /// How a training's epochs are shuffled.
  public let shuffling: Shuffling
  /// Bytes of a window; nil where there are none.
  public let window: Int?
  private let slots: Int
  private let options: StreamingOptions
  /// Bytes of what shares the memory.
  private let others: Int
  private let skipsBadChunks: Bool
  private let store = Mutex<ChunkStore?>(nil)
  private let knownDigest = Mutex<String?>(nil)

  /// - Parameters:
  ///   - source: where the samples come from.
  ///   - options: how much memory, and how samples are shuffled.
  ///   - isTraining: whether epochs are shuffled at all.
  ///   - others: bytes of what shares the memory, such as another split of the same file.
  /// - Throws: `MemoryBudgetError` where the memory is too small.
  public init(
    _ source: any StreamingDataset, _ options: StreamingOptions = StreamingOptions(), isTraining: Bool = true,
    beside others: Int = 0
  ) throws {
    (self.source, layout, skipsBadChunks) = (source, source.layout, options.skipsBadChunks && isTraining)
    (self.options, self.others) = (options, others)
    let all = layout.allBytes.map { $0.addingReportingOverflow(others) }
    isResident = all.map { !$0.overflow && $0.partialValue <= options.memory } ?? false
    shuffling = options.shuffling ?? (isResident ? .full : .windowed)
    let window = layout.window(bytes: options.window)
    self.window = shuffling == .windowed ? window * layout.memoryBytes : nil
    if isTraining && shuffling == .windowed {
      ordering = .windowed(layout, window: window)
    } else {
      ordering = isTraining ? .shuffled : .inOrder
    }
    if isResident {
      slots = layout.chunkCount
      return
    }
    let megabyte = 1 << 20
    if isTraining && shuffling == .full {
      let needed = (layout.allBytes.map { ($0 + others) / megabyte + 1 }).map { "\($0)MB" } ?? "no end of memory"
      throw MemoryBudgetError(
        "shuffle is full, for which all samples must be in memory: it takes --memory \(needed), or --shuffle windowed")
    }
    // A window is read while the one before it is trained on; in order, a chunk while the one before it is.
    let least = min(isTraining ? 2 * window : 2, layout.chunkCount)
    slots = min(max(least, min(2 * window, options.memory / max(layout.memoryBytes, 1))), layout.chunkCount)
    let needed = least * layout.memoryBytes
    guard needed <= options.memory else {
      throw MemoryBudgetError(
        "memory is \(options.memory) bytes, but must be \(needed) at least: two windows of \((least + 1) / 2 * layout.rows) samples"
      )
    }
  }

  public var count: Int { layout.count }

  /// Some of the samples, in rising order; they share the memory with the others.
  func choosing(_ samples: [Int], isTraining: Bool) throws -> Streamed {
    let rowBytes = layout.columns.reduce(0, +)
    let left = rowBytes.multipliedReportingOverflow(by: count - samples.count)
    let beside = others.addingReportingOverflow(left.overflow ? .max : left.partialValue)
    return try Streamed(
      ChosenSamples(source, samples), options, isTraining: isTraining,
      beside: beside.overflow ? .max : beside.partialValue)
  }

  // MARK: Memory

  /// Bytes that the data take at most.
  public var memoryBytes: Int { slots * layout.memoryBytes }

  public func share(over communicator: Communicator) throws {
    // Tables for as many ranks as may share a host.
    let bytes = ChunkStore.byteCount(layout, slots: slots, ranks: communicator.size)
    let shared = ChunkStore(
      source, slots: slots, try communicator.hostMemory(byteCount: bytes), skipsBad: skipsBadChunks)
    store.withLock { $0 = shared }
  }

  public func loadShare() throws { if isResident { try theStore().loadShare() } }

  /// Samples that were left out since this was asked last, and why.
  public func takeBadChunks() -> [(samples: Range<Int>, reason: String)] {
    store.withLock { $0 }?.bad.take().map { (layout.samples(of: $0.chunk), $0.reason) } ?? []
  }

  private func theStore() throws -> ChunkStore {
    try store.withLock { store in
      if let store { return store }
      let memory = try HostMemory.own(ChunkStore.byteCount(layout, slots: slots, ranks: 1))
      let own = ChunkStore(source, slots: slots, memory, skipsBad: skipsBadChunks)
      store = own
      return own
    }
  }

  // MARK: Samples

  public func batch(_ samples: [Int]) throws -> Batch { try batch(samples, epoch: 0) }

  public func batch(_ samples: [Int], epoch: Int) throws -> Batch {
    if let wrong = samples.first(where: { !(0..<count).contains($0) }) {
      throw TensorError("batch", "sample \(wrong) of \(count)")
    }
    let store = try theStore()
    var own = OwnChunks(store)
    defer { own.free() }
    func load(_ chunk: Int) throws -> UnsafeRawPointer {
      isResident ? UnsafeRawPointer(try store.resident(chunk)) : try own.load(chunk)
    }
    let places = try samples.map { sample in
      try store.place(of: sample, among: 0..<layout.chunkCount, visited: { $0 }, load: load)
    }
    return try source.batch(LoadedSamples(samples, layout, places), epoch: epoch)
  }

  public func pass(_ order: SampleOrder, from position: Int, epoch: Int) throws -> any DatasetPass {
    if isResident { return DirectPass(self, order, epoch: epoch) }
    return StreamedPass(try theStore(), order, from: position, epoch: epoch)
  }

  // MARK: Identity

  /// Of all samples where they stay in memory or the file says it; else of what the file says of them, and the first and
  /// last ones.
  public var digest: String {
    get throws {
      if let known = knownDigest.withLock({ $0 }) ?? source.knownDigest { return known }
      let store = try theStore()
      var sums = [UInt](repeating: 0, count: layout.columns.count)
      let chunks = isResident ? Array(0..<layout.chunkCount) : Array(Set([0, layout.chunkCount - 1])).sorted()
      for chunk in chunks {
        do { try add(chunk, of: store, to: &sums) } catch  where skipsBadChunks {
          // Whoever goes on without its samples knows them by the others.
          continue
        }
      }
      let digest = isResident ? source.digest(ofColumns: sums) : Self.digest(ofSome: layout, sums)
      knownDigest.withLock { $0 = digest }
      return digest
    }
  }

  private func add(_ chunk: Int, of store: ChunkStore, to sums: inout [UInt]) throws {
    let place = isResident ? try store.resident(chunk) : .allocate(byteCount: layout.memoryBytes, alignment: 64)
    defer { if !isResident { place.deallocate() } }
    if !isResident { try store.load(chunk, to: place) }
    let buffer = ChunkBuffer(samples: layout.samples(of: chunk), layout: layout, start: place)
    for column in layout.columns.indices {
      sums[column] = Checksum.continued(sums[column], with: UnsafeRawBufferPointer(buffer.column(column)))
    }
  }

  private static func digest(ofSome layout: ChunkLayout, _ sums: [UInt]) -> String {
    var hash = SHA256()
    hash.update("some of \(layout.count) \(layout.columns) \(sums)")
    return hash.digest
  }
}

/// A data set that keeps its samples where other ranks of the host can use them.
public protocol SharedDataset: Dataset {
  /// Makes the memory, before any sample is asked for. Collective.
  func share(over communicator: Communicator) throws
  /// Reads this rank's share of what is to stay in memory; the ranks should then wait for each other.
  func loadShare() throws
}
