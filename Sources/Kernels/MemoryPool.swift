import Glibc
import Synchronization

/// All memory of a step, of tensors and of what kernels need while they run. Freed blocks are kept for the next step: it asks for
/// the same sizes again, and fresh pages from the system cost more than most operations.
package enum MemoryPool {
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
  package static func sizeClass(of byteCount: Int) -> Int {
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

  /// A block of such a size, of undefined content; nil where the system has no more memory.
  package static func take(_ sizeClass: Int) -> UnsafeMutableRawPointer? {
    let kept = state.withLock { state -> UInt in
      if sizeClass >= largeBytes { return state.arena.take(sizeClass) ?? 0 }
      let index = index(of: sizeClass)
      guard let block = state.first[index] else { return 0 }
      state.first[index] = block.load(as: UnsafeMutableRawPointer?.self)
      state.byteCount -= sizeClass
      return UInt(bitPattern: block)
    }
    if let block = UnsafeMutableRawPointer(bitPattern: kept) { return block }
    return sizeClass < largeBytes ? aligned_alloc(64, sizeClass) : nil
  }

  package static func give(_ block: UnsafeMutableRawPointer, _ sizeClass: Int) {
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
