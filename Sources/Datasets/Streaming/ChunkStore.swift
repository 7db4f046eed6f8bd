import Failures
import Glibc
import MessagePassing
import Synchronization

/// Chunks in memory: all of them, or as many as there are slots. The ranks of a host may share it; then each chunk is read by
/// one of them.
///
/// Behind the slots' contents stand two tables: for each slot which visit's chunk it holds (a chunk is visited once in each
/// pass; visits are numbered through all passes, from 1 here, and negative where the chunk could not be read), and for each rank
/// before which visit it needs nothing any more.
final class ChunkStore: @unchecked Sendable {
  let source: any StreamingDataset
  let layout: ChunkLayout
  let slotCount: Int
  private let memory: HostMemory
  private let states: UnsafeMutablePointer<Atomic<Int>>
  private let releases: UnsafeMutablePointer<Atomic<Int>>
  /// Chunks that were found to be what their digests say.
  private let verified = Mutex<Set<Int>>([])
  private let passes = Atomic<Int>(0)
  private let current = Mutex<StreamedPass?>(nil)
  private let loading = Mutex<Void>(())
  let bad: BadChunks

  /// A pass has more visits than there are chunks of any file.
  static let visitsPerPass = 1 << 40
  /// A slot's state while its chunk is read.
  private static let loading = Int.min

  /// Threads that load chunks: the ranks of a host share its cores. Where loading is mostly waiting, one core is left to whoever
  /// trains.
  var threads: Int {
    let cores = Cores.own(of: rankCount)
    return source.loadsInParallel ? cores : max(1, min(cores - 1, Self.readers))
  }
  /// More threads would read faster than any training needs.
  private static let readers = 4

  var rankCount: Int { memory.rankCount }
  var index: Int { memory.index }

  static func byteCount(_ layout: ChunkLayout, slots: Int, ranks: Int) -> Int {
    layout.memoryBytes * slots + (slots + ranks) * MemoryLayout<Int>.stride
  }

  init(_ source: any StreamingDataset, slots: Int, _ memory: HostMemory, skipsBad: Bool) {
    bad = BadChunks(areSkipped: skipsBad)
    (self.source, layout, slotCount, self.memory) = (source, source.layout, slots, memory)
    let tables = memory.start + layout.memoryBytes * slots
    states = tables.assumingMemoryBound(to: Atomic<Int>.self)
    releases = states + slots
  }

  func place(ofSlot slot: Int) -> UnsafeMutableRawPointer { memory.start + slot * layout.memoryBytes }

  /// Reads a chunk to a place of its size, and checks it.
  func load(_ chunk: Int, to place: UnsafeMutableRawPointer) throws {
    let buffer = ChunkBuffer(samples: layout.samples(of: chunk), layout: layout, start: place)
    try source.load(buffer.samples, into: buffer)
    if verified.withLock({ $0.contains(chunk) }) { return }
    for column in layout.columns.indices {
      guard let expected = source.checksum(ofChunk: chunk, column: column) else { continue }
      let found = Checksum.crc32(UnsafeRawBufferPointer(buffer.column(column)))
      guard found == UInt(expected) else {
        throw ChunkError(samples: buffer.samples, "differ from their digest: the file was changed or is damaged")
      }
    }
    verified.withLock { _ = $0.insert(chunk) }
  }

  // MARK: All chunks in memory

  /// Reads this rank's share of all chunks; the others' are waited for where they are needed.
  func loadShare() throws {
    let share = Array(stride(from: index, to: layout.chunkCount, by: rankCount))
    try Parallel.forEach(share.count, threads: threads) { number in
      let chunk = share[number]
      if state(chunk) == chunk + 1 { return }
      do {
        try load(chunk, to: place(ofSlot: chunk))
        publish(visit: chunk, slot: chunk)
      } catch  where bad.areSkipped {
        publishFailure(visit: chunk, slot: chunk)
      }
    }
  }

  /// A chunk that stays, as soon as it is there.
  func resident(_ chunk: Int) throws -> UnsafeMutableRawPointer {
    let place = place(ofSlot: chunk)
    if state(chunk) == chunk + 1 { return place }
    var patience = Patience()
    while chunk % rankCount != index, !hasFailed(visit: chunk, slot: chunk), !patience.isOver() {
      if state(chunk) == chunk + 1 { return place }
    }
    // Alone, or its rank is too late: two that read the same chunk write the same bytes.
    try loading.withLock { _ in
      if state(chunk) == chunk + 1 { return }
      try load(chunk, to: place)
      publish(visit: chunk, slot: chunk)
    }
    return place
  }

  // MARK: Some chunks in memory

  /// Begins a pass over all chunks, in which the calling rank needs nothing of earlier ones.
  func beginPass(_ pass: StreamedPass, at visit: Int) -> Int {
    let before = current.withLock { current in
      defer { current = pass }
      return current
    }
    before?.settle()
    let base = passes.add(1, ordering: .relaxed).newValue * Self.visitsPerPass
    release(before: base + visit)
    return base
  }

  func endPass(_ pass: StreamedPass, base: Int) {
    release(before: base + Self.visitsPerPass)
    current.withLock { if $0 === pass { $0 = nil } }
  }

  /// This rank needs no chunk of an earlier visit.
  func release(before visit: Int) { releases[index].store(visit, ordering: .releasing) }

  /// What becomes of a wish to load a visit's chunk.
  enum Claim {
    case granted
    /// A rank needs what is in the slot, or someone still writes there.
    case refused
    /// The slot has a later visit's chunk already: no rank needs this one any more.
    case needless
  }

  func claim(slot: Int, forVisit visit: Int) -> Claim {
    guard (0..<rankCount).allSatisfy({ releases[$0].load(ordering: .acquiring) > visit - slotCount }) else {
      return .refused
    }
    let before = state(slot)
    if before == Self.loading { return .refused }
    if abs(before) > visit + 1 { return .needless }
    let (isClaimed, _) = states[slot].compareExchange(
      expected: before, desired: Self.loading, ordering: .acquiringAndReleasing)
    return isClaimed ? .granted : .refused
  }

  func state(_ slot: Int) -> Int { states[slot].load(ordering: .acquiring) }
  func publish(visit: Int, slot: Int) { states[slot].store(visit + 1, ordering: .releasing) }
  /// Whoever needs it tries by itself, and gets the error.
  func publishFailure(visit: Int, slot: Int) { states[slot].store(-(visit + 1), ordering: .releasing) }
  func hasFailed(visit: Int, slot: Int) -> Bool { state(slot) == -(visit + 1) }
}

/// How long a chunk of another rank is waited for before it is read here.
struct Patience {
  private static let nanoseconds = 10_000_000_000
  private static let pauseMicroseconds: UInt32 = 100
  private var deadline: Int?

  static func pause() { usleep(pauseMicroseconds) }

  /// Whether it has lasted since this was asked first; pauses where it goes on.
  mutating func isOver() -> Bool {
    let now = monotonicNanoseconds()
    guard now <= deadline ?? now else { return true }
    deadline = deadline ?? now + Self.nanoseconds
    Self.pause()
    return false
  }
}
