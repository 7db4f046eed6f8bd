import Testing

@testable import Kernels

@Suite("Memory of a step")
struct ArenaTests {
  /// Sizes as a training step's, in an order that depends on the seed.
  private static func sizes(_ count: Int, seed: Int) -> [Int] {
    var state = UInt64(seed)
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return MemoryPool.sizeClass(of: 1 << 18 + Int(state >> 40) % (1 << 22))
    }
  }

  @Test("Blocks in use never overlap, and gaps never touch")
  func blocks() throws {
    var arena = Arena()
    var used: [Range<UInt>] = []
    for (step, size) in Self.sizes(600, seed: 1).enumerated() {
      let taken = arena.take(size)
      let start = try #require(taken)
      let block = start..<start + UInt(size)
      #expect(start % 64 == 0 && !used.contains { $0.overlaps(block) })
      used.append(block)
      // Of three blocks two are given back, any of them.
      if step % 3 > 0 {
        let gone = used.remove(at: step * 7 % used.count)
        arena.give(gone.lowerBound, gone.count)
      }
      #expect(zip(arena.gaps, arena.gaps.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound })
      #expect(!used.contains { block in arena.gaps.contains { $0.overlaps(block) } })
      let free = arena.gaps.reduce(0) { $0 + $1.count }
      #expect(free + used.reduce(0) { $0 + $1.count } == arena.byteCount)
    }
    for block in used.shuffled() { arena.give(block.lowerBound, block.count) }
    #expect(arena.gaps.reduce(0) { $0 + $1.count } == arena.byteCount)
  }

  @Test("A step that asks for what an earlier one gave back gets no memory from the system, in whatever sizes")
  func steady() throws {
    var arena = Arena()
    let large = arena.take(300 << 20)
    arena.give(try #require(large), 300 << 20)
    let before = arena.byteCount
    for seed in 0..<5 {
      let sizes = Self.sizes(60, seed: seed)
      let starts = sizes.compactMap { arena.take($0) }
      try #require(starts.count == sizes.count)
      for (start, size) in zip(starts, sizes).reversed() { arena.give(start, size) }
    }
    #expect(arena.byteCount == before)
  }

  @Test("It grows by no more than what the gap at its end lacks")
  func growing() throws {
    var arena = Arena()
    let (first, second) = (arena.take(100 << 20), arena.take(100 << 20))
    arena.give(try #require(second), 100 << 20)
    let third = arena.take(110 << 20)
    #expect(third == second && second == first.map { $0 + 100 << 20 } && arena.byteCount == 210 << 20)
  }

  @Test("Where addresses are limited, what is left of some is used before others are asked for")
  func limited() throws {
    var arena = Arena(hasLimit: true)
    let sizes = [205, 51, 102, 51, 13, 26, 51, 205, 51].map { $0 << 20 }
    var starts: [UInt] = []
    for size in sizes {
      let start = arena.take(size)
      starts.append(try #require(start))
    }
    let used = sizes.reduce(0, +)
    #expect(arena.byteCount < used + (64 + 4 * sizes.count) << 20)
    for (start, size) in zip(starts, sizes) { arena.give(start, size) }
    #expect(arena.gaps.reduce(0) { $0 + $1.count } == arena.byteCount)
  }

  @Test("More than there can be is no memory, and the arena goes on")
  func tooMuch() throws {
    var arena = Arena()
    let impossible = arena.take(1 << 60)
    #expect(impossible == nil && arena.byteCount == 0)
    let possible = arena.take(1 << 20)
    #expect(possible != nil)
  }
}
