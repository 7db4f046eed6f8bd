/// Memory in which a kernel keeps what it needs while it runs: of the pool that tensors have, so that each can lie where the
/// other was.
enum ScratchMemory {
  /// Calls `body` with a block of at least `byteCount` bytes, which is nobody else's until `body` returns.
  static func with<Result>(_ byteCount: Int, _ body: (UnsafeMutableRawPointer) throws -> Result) rethrows -> Result {
    let block = PooledBlock(byteCount)
    return try withExtendedLifetime(block) { try body(block.memory) }
  }

  /// The same with room for so many floats.
  static func floats<Result>(_ count: Int, _ body: (Floats) throws -> Result) rethrows -> Result {
    try with(max(count, 16) * MemoryLayout<Float>.stride) { try body($0.assumingMemoryBound(to: Float.self)) }
  }
}

/// A block of the pool, which has it back when this ends.
struct PooledBlock: ~Copyable {
  let memory: UnsafeMutableRawPointer
  private let sizeClass: Int

  init(_ byteCount: Int) {
    sizeClass = MemoryPool.sizeClass(of: byteCount)
    guard let memory = MemoryPool.take(sizeClass) else { fatalError("no memory for \(byteCount) bytes") }
    self.memory = memory
  }

  deinit { MemoryPool.give(memory, sizeClass) }
}
