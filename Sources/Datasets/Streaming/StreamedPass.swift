import Failures
import Foundation
import Synchronization

/// One pass over all samples in an order that is known beforehand, as an epoch is: threads read the chunks ahead.
final class StreamedPass: DatasetPass, @unchecked Sendable {
  private let store: ChunkStore
  private let order: SampleOrder
  private let epoch: Int
  /// When each chunk is visited; nil where that is in order.
  private let visits: [Int]?
  private var base = 0
  /// Nobody asks for anything any more, on any rank: the pass was left before its end.
  private let isClosed = Atomic<Bool>(false)
  /// This rank needs no more; others may.
  private let isAtEnd = Atomic<Bool>(false)
  private let isFinished = Atomic<Bool>(false)
  /// The threads that read, and who asks.
  private let users: Atomic<Int>
  private let reading = DispatchGroup()
  /// The next visit that a thread may take.
  private let next = Atomic<Int>(0)
  /// Slots that are being written: of two threads that have a slot for different visits one waits.
  private let written = Mutex<Set<Int>>([])

  init(_ store: ChunkStore, _ order: SampleOrder, from position: Int, epoch: Int) {
    (self.store, self.order, self.epoch) = (store, order, epoch)
    let threads = min(store.threads, store.layout.chunkCount)
    users = Atomic(threads + 1)
    visits = order.windows.map { windows in
      var visits = [Int](repeating: 0, count: windows.chunks.count)
      for (visit, chunk) in windows.chunks.enumerated() { visits[chunk] = visit }
      return visits
    }
    guard position < order.count else {
      isClosed.store(true, ordering: .relaxed)
      isFinished.store(true, ordering: .relaxed)
      return
    }
    let first = firstVisit(at: position)
    base = store.beginPass(self, at: first)
    next.store(first, ordering: .relaxed)
    for _ in 0..<threads {
      let thread = Thread { [self] in
        while let visit = nextVisit(), read(visit) {}
        leave()
        reading.leave()
      }
      thread.name = "lockstep reader"
      reading.enter()
      thread.start()
    }
  }

  deinit { finish() }

  /// The first chunk that a position and those behind it need.
  private func firstVisit(at position: Int) -> Int {
    guard let windows = order.windows else { return position / store.layout.rows }
    return windows.visits(of: windows.window(at: position)).lowerBound
  }

  func advance(to position: Int) {
    guard !isClosed.load(ordering: .relaxed) else { return }
    if position >= order.count { isAtEnd.store(true, ordering: .relaxed) }
    store.release(before: base + (position < order.count ? firstVisit(at: position) : store.layout.chunkCount))
  }

  /// At its end the threads read on what other ranks still need; all ranks leave a pass before its end together.
  func finish() {
    if isFinished.exchange(true, ordering: .acquiringAndReleasing) { return }
    let isEarly = !isAtEnd.load(ordering: .relaxed)
    if isEarly { isClosed.store(true, ordering: .relaxed) }
    leave()
    if isEarly { reading.wait() }
  }

  /// The pass has ended when neither its threads nor who asked needs it: only then may others write where its chunks are.
  private func leave() {
    if users.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { store.endPass(self, base: base) }
  }

  /// Waits until the threads have ended.
  func settle() {
    finish()
    reading.wait()
  }

  /// The next visit of this rank's share; nil behind the last one.
  private func nextVisit() -> Int? {
    while true {
      let visit = next.add(1, ordering: .relaxed).oldValue
      guard visit < store.layout.chunkCount else { return nil }
      if visit % store.rankCount == store.index { return visit }
    }
  }

  /// Reads the chunk of a visit as soon as there is a place for it; false where nobody waits for it any more.
  private func read(_ visit: Int) -> Bool {
    let slot = visit % store.slotCount
    var deadline: Int?
    while !(store.isFree(forVisit: base + visit) && written.withLock { $0.insert(slot).inserted }) {
      if isClosed.load(ordering: .relaxed) { return false }
      usleep(ChunkStore.pauseMicroseconds)
      // Others that come no further will read for themselves, should they come at all.
      guard isAtEnd.load(ordering: .relaxed) else { continue }
      let now = monotonicNanoseconds()
      if now > deadline ?? now { return false }
      deadline = deadline ?? now + ChunkStore.patienceNanoseconds
    }
    defer { _ = written.withLock { $0.remove(slot) } }
    if isClosed.load(ordering: .relaxed) { return false }
    do {
      try store.load(order.windows?.chunks[visit] ?? visit, to: store.place(ofSlot: slot))
      store.publish(visit: base + visit, slot: slot)
    } catch {
      store.publishFailure(slot: slot)
    }
    return true
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
    var deadline: Int?
    while store.state(slot) != base + visit + 1 {
      if isClosed.load(ordering: .relaxed) || store.hasFailed(slot: slot) { return nil }
      let now = monotonicNanoseconds()
      if now > deadline ?? now { return nil }
      deadline = deadline ?? now + ChunkStore.patienceNanoseconds
      usleep(ChunkStore.pauseMicroseconds)
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
