import Failures
import Foundation
import Synchronization

/// One pass over all samples in an order that is known beforehand, as an epoch is: threads read the chunks ahead.
final class StreamedPass: DatasetPass, @unchecked Sendable {
  private enum Progress: UInt8, AtomicRepresentable {
    case underway
    /// This rank needs no more; others may.
    case atEnd
    /// Nobody asks for anything any more, on any rank: the pass was left before its end.
    case closed
  }

  private let store: ChunkStore
  private let order: SampleOrder
  private let epoch: Int
  /// When each chunk is visited; nil where that is in order.
  private let visits: [Int]?
  private var base = 0
  private let progress = Atomic<Progress>(.underway)
  private let isFinished = Atomic<Bool>(false)
  /// The next of this rank's visits that no thread has taken.
  private let next = Atomic<Int>(0)
  /// The threads that read, and who asks.
  private let users = Atomic<Int>(1)
  private let reading = DispatchGroup()

  init(_ store: ChunkStore, _ order: SampleOrder, from position: Int, epoch: Int) {
    (self.store, self.order, self.epoch) = (store, order, epoch)
    visits = order.windows.map { windows in
      var visits = [Int](repeating: 0, count: windows.chunks.count)
      for (visit, chunk) in windows.chunks.enumerated() { visits[chunk] = visit }
      return visits
    }
    guard position < order.count else {
      progress.store(.closed, ordering: .relaxed)
      isFinished.store(true, ordering: .relaxed)
      return
    }
    let first = firstVisit(at: position)
    base = store.beginPass(self, at: first)
    // Each rank reads every so many-th chunk.
    let ranks = store.rankCount
    next.store(first + (store.index - first % ranks + ranks) % ranks, ordering: .relaxed)
    let readers = min(store.threads, store.layout.chunkCount)
    users.add(readers, ordering: .relaxed)
    for _ in 0..<readers { startReader() }
  }

  private func startReader() {
    let thread = Thread { [self] in
      read()
      leave()
      reading.leave()
    }
    thread.name = "lockstep reader"
    reading.enter()
    thread.start()
  }

  deinit { finish() }

  /// The first chunk that a position and those behind it need.
  private func firstVisit(at position: Int) -> Int {
    guard let windows = order.windows else { return position / store.layout.rows }
    return windows.visits(of: windows.window(at: position)).lowerBound
  }

  private var isClosed: Bool { progress.load(ordering: .relaxed) == .closed }

  func advance(to position: Int) {
    guard !isClosed else { return }
    if position >= order.count { progress.store(.atEnd, ordering: .relaxed) }
    store.release(before: base + (position < order.count ? firstVisit(at: position) : store.layout.chunkCount))
  }

  /// At its end the threads read on what other ranks still need; all ranks leave a pass before its end together.
  func finish() {
    if isFinished.exchange(true, ordering: .acquiringAndReleasing) { return }
    let isEarly = progress.load(ordering: .relaxed) == .underway
    if isEarly { progress.store(.closed, ordering: .relaxed) }
    leave()
    if isEarly { reading.wait() }
  }

  /// The pass has ended when neither its threads nor who asked need it: only then may others write where its chunks are.
  private func leave() {
    if users.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { store.endPass(self, base: base) }
  }

  /// Waits until the threads have ended.
  func settle() {
    finish()
    reading.wait()
  }

  /// Reads this rank's share of the chunks, each as soon as there is a place for it.
  private func read() {
    while true {
      let visit = next.add(store.rankCount, ordering: .relaxed).oldValue
      guard !isClosed, visit < store.layout.chunkCount else { return }
      let slot = visit % store.slotCount
      switch awaitPlace(slot, ofVisit: visit) {
      case .refused: return
      case .needless: continue
      case .granted: break
      }
      do {
        try store.load(order.windows?.chunks[visit] ?? visit, to: store.place(ofSlot: slot))
        store.publish(visit: base + visit, slot: slot)
      } catch {
        store.publishFailure(visit: base + visit, slot: slot)
      }
    }
  }

  /// Waits for a place; refused where nobody will need one.
  private func awaitPlace(_ slot: Int, ofVisit visit: Int) -> ChunkStore.Claim {
    var patience = Patience()
    while true {
      let claim = store.claim(slot: slot, forVisit: base + visit)
      if claim != .refused { return claim }
      switch progress.load(ordering: .relaxed) {
      case .closed: return .refused
      case .underway: Patience.pause()
      // Others that come no further will read for themselves, should they come at all.
      case .atEnd: if patience.isOver() { return .refused }
      }
    }
  }

  func batch(_ samples: [Int], at positions: Range<Int>) throws -> Batch {
    advance(to: positions.lowerBound)
    var own = OwnChunks(store)
    defer { own.free() }
    if isWithinReach(positions) {
      let places = try zip(samples, positions).map { try place(of: $0, at: $1, &own) }
      return try store.source.batch(LoadedSamples(samples, store.layout, places), epoch: epoch)
    }
    let layout = ChunkLayout(count: samples.count, rows: samples.count, columns: store.layout.columns)
    let gathered = UnsafeMutableRawPointer.allocate(byteCount: max(layout.memoryBytes, 1), alignment: 64)
    defer { gathered.deallocate() }
    try gather(samples, at: positions, into: gathered, layout, &own)
    return try store.source.batch(LoadedSamples(samples, gathered: layout, at: gathered), epoch: epoch)
  }

  /// Whether the chunks of all these positions can be in memory at once.
  private func isWithinReach(_ positions: Range<Int>) -> Bool {
    guard !positions.isEmpty else { return true }
    let (first, last) = (firstVisit(at: positions.lowerBound), positions.upperBound - 1)
    let end = order.windows.map { $0.visits(of: $0.window(at: last)).upperBound } ?? last / store.layout.rows + 1
    return end - first <= store.slotCount
  }

  /// Copies samples to one place, and lets go of each window as soon as its own are copied.
  private func gather(
    _ samples: [Int], at positions: Range<Int>, into target: UnsafeMutableRawPointer, _ layout: ChunkLayout,
    _ own: inout OwnChunks
  ) throws {
    for (row, sample) in samples.enumerated() {
      advance(to: positions.lowerBound + row)
      let source = try place(of: sample, at: positions.lowerBound + row, &own)
      for (column, bytes) in layout.columns.enumerated() {
        (target + layout.offsets[column] + row * bytes).copyMemory(
          from: source.chunk + store.layout.offsets[column] + source.row * bytes, byteCount: bytes)
      }
    }
  }

  private func place(of sample: Int, at position: Int, _ own: inout OwnChunks) throws -> SamplePlace {
    let windows = order.windows
    // Made only where it is needed: in the order of the file no other chunk stands in.
    let visits = windows.map { $0.visits(of: $0.window(at: position)) } ?? 0..<0
    func load(_ chunk: Int) throws -> UnsafeRawPointer {
      if let slot = slot(of: chunk) { return UnsafeRawPointer(store.place(ofSlot: slot)) }
      return try own.load(chunk)
    }
    return try store.place(of: sample, among: visits, visited: { windows?.chunks[$0] ?? $0 }, load: load)
  }

  /// The slot with a chunk, as soon as it is there; nil where it will not come.
  private func slot(of chunk: Int) -> Int? {
    let visit = visits?[chunk] ?? chunk
    let slot = visit % store.slotCount
    var patience = Patience()
    while store.state(slot) != base + visit + 1 {
      if isClosed || store.hasFailed(visit: base + visit, slot: slot) || patience.isOver() { return nil }
    }
    return slot
  }
}

/// Chunks that are read for one batch alone.
struct OwnChunks {
  private let store: ChunkStore
  private var places: [Int: UnsafeMutableRawPointer] = [:]

  init(_ store: ChunkStore) { self.store = store }

  mutating func load(_ chunk: Int) throws -> UnsafeRawPointer {
    if let place = places[chunk] { return UnsafeRawPointer(place) }
    let place = UnsafeMutableRawPointer.allocate(byteCount: store.layout.memoryBytes, alignment: 64)
    places[chunk] = place
    try store.load(chunk, to: place)
    return UnsafeRawPointer(place)
  }

  mutating func free() {
    for place in places.values { place.deallocate() }
    places = [:]
  }
}
