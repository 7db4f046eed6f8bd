import Failures
import Glibc

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
    guard let memory = MemoryPool.take(sizeClass) else { Self.end(without: byteCount) }
    self.memory = memory
  }

  deinit { MemoryPool.give(memory, sizeClass) }

  /// Kernels have no way to throw, and none to go on: the process ends with one line and the code of such an error.
  private static func end(without byteCount: Int) -> Never {
    let line = Array("lockstep: allocate: no memory for \(byteCount) bytes\n".utf8)
    _ = write(STDERR_FILENO, line, line.count)
    exit(FailureKind.internalError.rawValue)
  }
}
