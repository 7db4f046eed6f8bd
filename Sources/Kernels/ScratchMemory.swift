import Synchronization

/// A block of memory in which a primitive keeps what it needs while it runs. Blocks are reused: as many exist as
/// primitives ever ran at one time, each as large as its largest user.
final class ScratchMemory: @unchecked Sendable {
  let memory: UnsafeMutableRawPointer
  private let byteCount: Int
  private static let idle = Mutex<[ScratchMemory]>([])

  private init(_ byteCount: Int) {
    self.byteCount = byteCount
    memory = .allocate(byteCount: byteCount, alignment: 64)
  }

  deinit { memory.deallocate() }

  /// Calls `body` with a block of at least `byteCount` bytes, which is nobody else's until `body` returns.
  static func with<Result>(_ byteCount: Int, _ body: (UnsafeMutableRawPointer) throws -> Result) rethrows -> Result {
    var block = idle.withLock { $0.popLast() }
    if block?.byteCount ?? 0 < byteCount { block = nil }
    let used = block ?? ScratchMemory(byteCount)
    defer { idle.withLock { $0.append(used) } }
    return try body(used.memory)
  }

  /// The same with room for so many floats.
  static func floats<Result>(_ count: Int, _ body: (Floats) throws -> Result) rethrows -> Result {
    try with(max(count, 16) * MemoryLayout<Float>.stride) { try body($0.assumingMemoryBound(to: Float.self)) }
  }
}
