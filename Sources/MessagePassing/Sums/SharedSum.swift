import CVectors
import Glibc
import Synchronization

/// Sums of the ranks of one host through memory that they share, chunk by chunk.
///
/// Of each chunk every rank adds one segment. It lays what the others add where they see it, adds its own segment of all ranks,
/// and takes the other segments' sums. While it waits for the others' part of a chunk it lays down the next one; so there are
/// two places for each. Memory that others read is written past the cache: four times as fast as stores that fetch its lines
/// from the others' caches. Numbers are added in the tree of pairs, (0 + 1) + (2 + 3), as by `SumSchedule.halving`: the same bits.
final class SharedSum {
  private static let lineBytes = 128
  /// Looks at another rank's counter before this one's core is given to others: some ten microseconds.
  private static let patience = 10_000

  private let rank, size: Int
  private let memory: HostMemory
  private let chunkElements: Int
  /// For sums of some of the ranks, one for each level of the tree.
  private let scratch: UnsafeMutablePointer<Float>
  private let scratchElements: Int
  /// How many chunks there were: of all sums so far.
  private var chunk: UInt64 = 0

  /// `nil` where the ranks don't all share memory, which holds `byteCount(ranks:)`.
  init?(_ memory: HostMemory?, rank: Int, size: Int) {
    guard let memory, memory.rankCount == size, memory.index == rank else { return nil }
    (self.memory, self.rank, self.size) = (memory, rank, size)
    chunkElements = Self.chunkElements(ranks: size)
    scratchElements = chunkElements / size + 1
    scratch = .allocate(capacity: scratchElements * (Int.bitWidth - size.leadingZeroBitCount))
  }

  deinit { scratch.deallocate() }

  /// Half a megabyte of all ranks together, which their second-level caches hold, but a segment is no less than its overhead.
  private static func chunkElements(ranks: Int) -> Int { max(1 << 17, ranks << 11) / ranks }

  /// What the memory of so many ranks must hold.
  static func byteCount(ranks: Int) -> Int { ranks * lineBytes * 2 + (ranks + 1) * 2 * chunkElements(ranks: ranks) * 4 }

  /// Counts the chunks that a rank has laid down (`isAdded`: has added its segment of).
  private func counter(_ rank: Int, isAdded: Bool) -> UnsafeMutablePointer<Atomic<UInt64>> {
    (memory.start + (rank * 2 + (isAdded ? 1 : 0)) * Self.lineBytes).assumingMemoryBound(to: Atomic<UInt64>.self)
  }

  /// What a rank has laid down of a chunk; the sums are those of place `size`.
  private func place(_ owner: Int, _ chunk: UInt64) -> UnsafeMutablePointer<Float> {
    let first = memory.start + size * 2 * Self.lineBytes
    return first.assumingMemoryBound(to: Float.self) + (owner * 2 + Int(chunk & 1)) * chunkElements
  }

  /// Replaces each element by its sum over the ranks. Every rank calls it with as many.
  func add(_ values: UnsafeMutableBufferPointer<Float>) {
    let starts = Array(stride(from: 0, to: values.count, by: chunkElements))
    func part(_ index: Int) -> UnsafeMutableBufferPointer<Float> {
      UnsafeMutableBufferPointer(rebasing: values[starts[index]..<min(starts[index] + chunkElements, values.count)])
    }
    if !starts.isEmpty { layDown(part(0), chunk + 1) }
    for index in starts.indices {
      chunk += 1
      if index + 1 < starts.count { layDown(part(index + 1), chunk + 1) }
      let values = part(index)
      waitForAll(chunk, isAdded: false)
      addSegment(of: values)
      publish(chunk, isAdded: true)
      waitForAll(chunk, isAdded: true)
      takeSums(into: values)
    }
  }

  private func segment(_ rank: Int, of count: Int) -> Range<Int> { count * rank / size..<count * (rank + 1) / size }

  /// All but this rank's own segment, which nobody else adds.
  private func layDown(_ values: UnsafeMutableBufferPointer<Float>, _ chunk: UInt64) {
    guard let source = values.baseAddress else { return }
    let (own, target) = (segment(rank, of: values.count), place(rank, chunk))
    vectors_stream(target, source, own.lowerBound)
    vectors_stream(target + own.upperBound, source + own.upperBound, values.count - own.upperBound)
    publish(chunk, isAdded: false)
  }

  private func addSegment(of values: UnsafeMutableBufferPointer<Float>) {
    let own = segment(rank, of: values.count)
    guard let start = values.baseAddress, size > 1 else { return }
    let terms = (0..<size).map { UnsafePointer(($0 == rank ? start : place($0, chunk)) + own.lowerBound) }
    let middle = Self.middle(0..<size)
    let left = sum(terms, 0..<middle, own.count, level: 0)
    let right = sum(terms, middle..<size, own.count, level: 1)
    vectors_add_and_stream(start + own.lowerBound, place(size, chunk) + own.lowerBound, left, right, own.count)
  }

  /// The sum of some of the ranks: what one has laid down, or scratch memory of this level or a deeper one.
  private func sum(_ terms: [UnsafePointer<Float>], _ ranks: Range<Int>, _ count: Int, level: Int) -> UnsafePointer<
    Float
  > {
    if ranks.count == 1 { return terms[ranks.lowerBound] }
    let middle = Self.middle(ranks)
    let left = sum(terms, ranks.lowerBound..<middle, count, level: level)
    let right = sum(terms, middle..<ranks.upperBound, count, level: level + 1)
    let result = scratch + level * scratchElements
    for index in 0..<count { result[index] = left[index] + right[index] }
    return UnsafePointer(result)
  }

  /// Where the tree parts: the left branch has the largest power of two of ranks that leaves some to the right one.
  private static func middle(_ ranks: Range<Int>) -> Int {
    ranks.lowerBound + 1 << (Int.bitWidth - 1 - (ranks.count - 1).leadingZeroBitCount)
  }

  private func takeSums(into values: UnsafeMutableBufferPointer<Float>) {
    let (own, sums) = (segment(rank, of: values.count), place(size, chunk))
    guard let target = values.baseAddress else { return }
    target.update(from: sums, count: own.lowerBound)
    (target + own.upperBound).update(from: sums + own.upperBound, count: values.count - own.upperBound)
  }

  private func publish(_ chunk: UInt64, isAdded: Bool) {
    vectors_publish()
    counter(rank, isAdded: isAdded).pointee.store(chunk, ordering: .releasing)
  }

  /// Waits until every rank has come so far. Whoever shares its core with the others lets them go on.
  private func waitForAll(_ chunk: UInt64, isAdded: Bool) {
    for other in 0..<size where other != rank {
      let counter = counter(other, isAdded: isAdded)
      var turns = 0
      while counter.pointee.load(ordering: .acquiring) < chunk {
        turns += 1
        if turns > Self.patience { sched_yield() }
      }
    }
  }
}
