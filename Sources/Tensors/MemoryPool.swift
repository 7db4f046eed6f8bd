import Glibc
import Synchronization

/// Freed blocks, kept for the next step: a training step asks for the same sizes again, and fresh pages from the system
/// cost more than most operations.
enum MemoryPool {
  /// Kept of small blocks at the most; beyond it they go back to the system.
  private static let keptBytes = 1 << 30
  /// Blocks from this size on are cut from the arena, so that different sizes can lie where others were.
  private static let largeBytes = 1 << 18

  private struct State: ~Copyable {
    /// The first free small block of each size; the next one's address stands in it.
    var first = [UnsafeMutableRawPointer?](repeating: nil, count: 4 * Int.bitWidth)
    var byteCount = 0
    var arena = Arena()
  }
  private static let state = Mutex(State())

  /// Sizes are rounded up: small ones to a quarter of a power of two, so that near sizes share their blocks, large ones to
  /// cache lines and a few more. Tensors are often a multiple of a page long, and a loop over several that begin at the same
  /// place of a page waits for writes to the one before it reads from the other.
  static func sizeClass(of byteCount: Int) -> Int {
    let size = max(byteCount, 64)
    if size >= largeBytes { return (size + 63) / 64 * 64 + 5 * 64 }
    let step = max(64, (1 << (Int.bitWidth - 1 - size.leadingZeroBitCount)) / 4)
    return (size + step - 1) / step * step
  }

  /// Where a small size class stands in the list of free blocks: by its power of two and quarter.
  private static func index(of sizeClass: Int) -> Int {
    let power = Int.bitWidth - 1 - sizeClass.leadingZeroBitCount
    return 4 * power + (sizeClass >> (power - 2)) & 3
  }

  static func take(_ sizeClass: Int) throws -> UnsafeMutableRawPointer {
    let kept = state.withLock { state -> UInt in
      if sizeClass >= largeBytes { return state.arena.take(sizeClass) ?? 0 }
      let index = index(of: sizeClass)
      guard let block = state.first[index] else { return 0 }
      state.first[index] = block.load(as: UnsafeMutableRawPointer?.self)
      state.byteCount -= sizeClass
      return UInt(bitPattern: block)
    }
    if let block = UnsafeMutableRawPointer(bitPattern: kept) { return block }
    guard sizeClass < largeBytes, let block = aligned_alloc(64, sizeClass) else {
      throw TensorError("allocate", "no memory for \(sizeClass) bytes")
    }
    return block
  }

  static func give(_ block: UnsafeMutableRawPointer, _ sizeClass: Int) {
    let address = UInt(bitPattern: block)
    let isKept = state.withLock { state -> Bool in
      if sizeClass >= largeBytes {
        state.arena.give(address, sizeClass)
        return true
      }
      guard state.byteCount + sizeClass <= keptBytes, let block = UnsafeMutableRawPointer(bitPattern: address)
      else { return false }
      let index = index(of: sizeClass)
      block.storeBytes(of: state.first[index], as: UnsafeMutableRawPointer?.self)
      state.first[index] = block
      state.byteCount += sizeClass
      return true
    }
    if !isKept { free(block) }
  }
}

/// Memory from which large blocks are cut: what neighbouring blocks leave is one gap again, so the process holds little more
/// than was in use at the most, whatever sizes come one after the other. It keeps that.
struct Arena: ~Copyable {
  /// The system is asked for no less at a time, in multiples of its large pages: a walk over small pages spends a part of its
  /// time on looking them up.
  private static let leastBytes = 1 << 26, largePage = 1 << 21

  /// By ascending addresses; no two touch.
  private(set) var gaps: [Range<UInt>] = []
  /// All that came from the system.
  private(set) var byteCount = 0

  /// The beginning of a block; nil where the system has no more.
  mutating func take(_ size: Int) -> UInt? {
    guard let place = smallestGap(of: size) ?? grow(by: size) else { return nil }
    let start = gaps[place].lowerBound
    if gaps[place].count == size {
      gaps.remove(at: place)
    } else {
      gaps[place] = start + UInt(size)..<gaps[place].upperBound
    }
    return start
  }

  mutating func give(_ start: UInt, _ size: Int) { _ = insert(start..<start + UInt(size)) }

  private func smallestGap(of size: Int) -> Int? {
    var best: Int?
    for (place, gap) in gaps.enumerated() where gap.count >= size {
      if best.map({ gap.count < gaps[$0].count }) ?? true { best = place }
    }
    return best
  }

  /// Inserts a gap that joins its neighbours, and returns its place.
  private mutating func insert(_ gap: Range<UInt>) -> Int {
    var (low, high) = (0, gaps.count)
    while low < high {
      let middle = (low + high) / 2
      if gaps[middle].lowerBound < gap.lowerBound { low = middle + 1 } else { high = middle }
    }
    let joinsLeft = low > 0 && gaps[low - 1].upperBound == gap.lowerBound
    let joinsRight = low < gaps.count && gaps[low].lowerBound == gap.upperBound
    let first = joinsLeft ? low - 1 : low
    let whole = (joinsLeft ? gaps[low - 1] : gap).lowerBound..<(joinsRight ? gaps[low] : gap).upperBound
    gaps.replaceSubrange(first..<(joinsRight ? low + 1 : low), with: CollectionOfOne(whole))
    return first
  }

  /// The place of a gap that is large enough, with memory from the system.
  private mutating func grow(by size: Int) -> Int? {
    let wanted = (max(size, Self.leastBytes) + Self.largePage - 1) / Self.largePage * Self.largePage
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    guard let memory = mmap(nil, wanted, PROT_READ | PROT_WRITE, flags, -1, 0), memory != MAP_FAILED else { return nil }
    madvise(memory, wanted, MADV_HUGEPAGE)
    byteCount += wanted
    let start = UInt(bitPattern: memory)
    return insert(start..<start + UInt(wanted))
  }
}
