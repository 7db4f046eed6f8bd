import Synchronization

/// Rows of an array that are asked for a few at a time, anywhere: read in blocks, of which some stay in memory.
package final class BlockCache<Element: Sendable>: Sendable {
  private let blocks = Mutex<[Int: [Element]]>([:])
  private let rows = 4096
  private let most = 256

  package init() {}

  /// Some of `count` rows; `load` reads others.
  package func elements(
    _ wanted: Range<Int>, of count: Int, load: (Range<Int>) throws -> [Element]
  ) throws -> [Element] {
    var found: [Element] = []
    found.reserveCapacity(wanted.count)
    var next = wanted.lowerBound
    while next < wanted.upperBound {
      let start = next / rows * rows
      let all = start..<min(start + rows, count)
      let block = try blocks.withLock { $0[start] } ?? load(all)
      blocks.withLock { blocks in
        if blocks.count >= most, blocks[start] == nil { blocks = [:] }
        blocks[start] = block
      }
      let end = min(all.upperBound, wanted.upperBound)
      found += block[next - start..<end - start]
      next = end
    }
    return found
  }
}
