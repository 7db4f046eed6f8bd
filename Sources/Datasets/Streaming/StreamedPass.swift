import Failures
import Foundation
import Synchronization

/// One pass over all samples in an order that is known beforehand, as an epoch is: a thread reads the chunks ahead.
final class StreamedPass: DatasetPass, @unchecked Sendable {
  private let store: ChunkStore
  private let order: SampleOrder
  private let epoch: Int
  /// When each chunk is visited; nil where that is in order.
  private let visits: [Int]?
  private var base = 0
  private let isClosed = Atomic<Bool>(false)
  private let reading = DispatchGroup()

  init(_ store: ChunkStore, _ order: SampleOrder, from position: Int, epoch: Int) {
    (self.store, self.order, self.epoch) = (store, order, epoch)
    visits = order.windows.map { windows in
      var visits = [Int](repeating: 0, count: windows.chunks.count)
      for (visit, chunk) in windows.chunks.enumerated() { visits[chunk] = visit }
      return visits
    }
    guard position < order.count else {
      isClosed.store(true, ordering: .relaxed)
      return
    }
    let first = firstVisit(at: position)
    base = store.beginPass(self, at: first)
    let thread = Thread { [self] in
      read(from: first)
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

  func advance(to position: Int) {
    guard position < order.count, !isClosed.load(ordering: .relaxed) else { return }
    store.release(before: base + firstVisit(at: position))
  }

  func finish() {
    guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
    reading.wait()
    store.endPass(self, base: base)
  }

  /// Reads this rank's share of the chunks, each as soon as there is a place for it.
  private func read(from first: Int) {
    let own = store.index
    for visit in first..<store.layout.chunkCount where visit % store.rankCount == own {
      while !store.isFree(forVisit: base + visit) {
        if isClosed.load(ordering: .relaxed) { return }
        usleep(ChunkStore.pauseMicroseconds)
      }
      if isClosed.load(ordering: .relaxed) { return }
      let slot = visit % store.slotCount
      do {
        try store.load(order.windows?.chunks[visit] ?? visit, to: store.place(ofSlot: slot))
        store.publish(visit: base + visit, slot: slot)
      } catch {
        store.publishFailure(slot: slot)
      }
    }
  }

  func batch(_ samples: [Int]) throws -> Batch {
    var places: [Int: UnsafeRawPointer] = [:]
    var own: [UnsafeMutableRawPointer] = []
    defer { for place in own { place.deallocate() } }
    let chunks = try samples.map { sample in
      let chunk = sample / store.layout.rows
      if let place = places[chunk] { return place }
      let place =
        try slot(of: chunk).map { UnsafeRawPointer(store.place(ofSlot: $0)) }
        ?? {
          let place = UnsafeMutableRawPointer.allocate(byteCount: store.layout.memoryBytes, alignment: 64)
          own.append(place)
          try store.load(chunk, to: place)
          return UnsafeRawPointer(place)
        }()
      places[chunk] = place
      return place
    }
    return try store.source.batch(LoadedSamples(samples: samples, layout: store.layout, chunks: chunks), epoch: epoch)
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
