import Synchronization
import Tensors

/// In which order an epoch takes the samples of a data set.
public enum Ordering: Sendable, Equatable {
  /// As they stand.
  case inOrder
  /// Any sample may follow any other, for which all of them must be at hand.
  case shuffled
  /// Chunks in random order, and samples in random order within a window of so many chunks.
  case windowed(ChunkLayout, window: Int)
}

/// The samples of one epoch in their order, a function of the data set, the seed and the epoch alone.
public struct SampleOrder: Sendable {
  private enum Kind: Sendable {
    case inOrder
    case listed([Int])
    case windowed(WindowedOrder)
  }

  /// How many samples.
  public let count: Int
  private let kind: Kind

  init(_ ordering: Ordering, count: Int, seed: UInt64, epoch: Int) {
    self.count = count
    switch ordering {
    case .inOrder: kind = .inOrder
    case .shuffled: kind = .listed(RandomKey(seed: seed, .shuffling, time: epoch).permutation(count))
    case .windowed(let layout, let window):
      kind = .windowed(WindowedOrder(layout, window: window, seed: seed, epoch: epoch))
    }
  }

  /// The samples at these positions.
  public subscript(positions: Range<Int>) -> [Int] {
    switch kind {
    case .inOrder: Array(positions)
    case .listed(let samples): Array(samples[positions])
    case .windowed(let order): order[positions]
    }
  }

  /// All of them.
  public var samples: [Int] { self[0..<count] }

  /// The windows of a windowed order; nil for others.
  var windows: WindowedOrder? { if case .windowed(let order) = kind { order } else { nil } }
}

/// Chunks in random order, cut into windows; within a window samples are in random order. A window's order is made when it
/// is asked for, so that a thousand million samples take no more room than a window of them.
final class WindowedOrder: Sendable {
  let layout: ChunkLayout
  /// Chunks of a window.
  let window: Int
  /// All chunks as they are visited.
  let chunks: [Int]
  private let key: RandomKey
  /// The last windows that were asked for, the latest last.
  private let recent = Mutex<[(window: Int, samples: [Int])]>([])
  /// The visit of the one chunk that may be shorter than the others.
  private let shortVisit: Int

  init(_ layout: ChunkLayout, window: Int, seed: UInt64, epoch: Int) {
    (self.layout, self.window) = (layout, max(window, 1))
    key = RandomKey(seed: seed, .shuffling, layer: 1, time: epoch)
    chunks = key.permutation(layout.chunkCount)
    shortVisit = chunks.firstIndex(of: layout.chunkCount - 1) ?? 0
  }

  var windowCount: Int { (chunks.count + window - 1) / window }
  /// The visits to the chunks of a window.
  func visits(of index: Int) -> Range<Int> { index * window..<min((index + 1) * window, chunks.count) }

  /// The position of the first sample of a window.
  func start(of index: Int) -> Int {
    let visits = min(index * window, chunks.count)
    let missing = layout.chunkCount * layout.rows - layout.count
    return visits * layout.rows - (shortVisit < visits ? missing : 0)
  }

  /// The window in which a position lies.
  func window(at position: Int) -> Int {
    // Either this one or, behind the short chunk, the next.
    let guess = min(position / (window * layout.rows), windowCount - 1)
    return guess + 1 < windowCount && start(of: guess + 1) <= position ? guess + 1 : guess
  }

  subscript(positions: Range<Int>) -> [Int] {
    var result: [Int] = []
    result.reserveCapacity(positions.count)
    var position = positions.lowerBound
    while position < positions.upperBound {
      let index = window(at: position)
      let (start, samples) = (start(of: index), samples(of: index))
      let end = min(positions.upperBound, start + samples.count)
      result += samples[position - start..<end - start]
      position = end
    }
    return result
  }

  /// The samples of a window in their order.
  private func samples(of index: Int) -> [Int] {
    recent.withLock { recent in
      if let known = recent.first(where: { $0.window == index }) { return known.samples }
      let sorted = visits(of: index).flatMap { Array(layout.samples(of: chunks[$0])) }
      var key = key
      key.sample = index + 1
      let samples = key.permutation(sorted.count).map { sorted[$0] }
      recent = recent.suffix(1) + [(index, samples)]
      return samples
    }
  }
}
