import Glibc
import Synchronization

/// A block of memory that tensors share: 64 bytes aligned, given back to a pool when its last tensor is gone.
public final class Storage: @unchecked Sendable {
  private(set) final var memory: UnsafeMutableRawPointer
  /// 0 where the memory is nobody's.
  private final var sizeClass: Int
  /// The kernel that will fill this at the first look (Owing.swift).
  final var debt: Debt?
  /// Why what should be here could not be computed or changed.
  final var fault: (any Error)?
  /// Of a faulted view: the memory that it would have looked at.
  let viewed: Storage?
  /// Grows with every change in place, so that backward finds out that a value is no longer what forward saw.
  final var version = 0

  init(byteCount: Int) throws {
    sizeClass = MemoryPool.sizeClass(of: byteCount)
    memory = try MemoryPool.shared.take(sizeClass)
    viewed = nil
  }

  /// In place of memory that can't be had; or for no elements at all.
  init(fault: (any Error)? = nil, viewed: Storage? = nil) {
    (memory, sizeClass, self.fault, self.viewed) = (Nothing.shared.memory, 0, fault, viewed)
  }

  convenience init(owing debt: Debt) {
    self.init()
    self.debt = debt
  }

  /// Takes memory and has it filled.
  final func fill(byteCount: Int, _ kernel: (UnsafeMutableRawPointer) throws -> Void) throws {
    let needed = MemoryPool.sizeClass(of: byteCount)
    (memory, sizeClass) = (try MemoryPool.shared.take(needed), needed)
    try kernel(memory)
  }

  deinit { if sizeClass > 0 { MemoryPool.shared.give(memory, sizeClass) } }

  /// An address for those who have no elements.
  private struct Nothing: @unchecked Sendable {
    static let shared = Nothing()
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)
  }
}

/// Freed blocks, kept for the next step: a training step asks for the same sizes again, and fresh pages from the system
/// cost more than most operations.
final class MemoryPool: Sendable {
  static let shared = MemoryPool()

  /// Kept at the most; beyond it blocks go back to the system.
  private static let keptBytes = 2 << 30

  private struct State: ~Copyable {
    var free: [Int: [UnsafeMutableRawPointer]] = [:]
    var byteCount = 0
  }
  private let state = Mutex(State())

  /// Sizes are rounded up to a quarter of a power of two, so that near sizes share their blocks.
  static func sizeClass(of byteCount: Int) -> Int {
    let size = max(byteCount, 64)
    let step = max(64, (1 << (Int.bitWidth - 1 - size.leadingZeroBitCount)) / 4)
    return (size + step - 1) / step * step
  }

  func take(_ sizeClass: Int) throws -> UnsafeMutableRawPointer {
    let kept = state.withLock { state -> Int in
      guard let block = state.free[sizeClass]?.popLast() else { return 0 }
      state.byteCount -= sizeClass
      return Int(bitPattern: block)
    }
    if let block = UnsafeMutableRawPointer(bitPattern: kept) { return block }
    guard let block = aligned_alloc(64, sizeClass) else {
      throw TensorError("allocate", "no memory for \(sizeClass) bytes")
    }
    return block
  }

  func give(_ block: UnsafeMutableRawPointer, _ sizeClass: Int) {
    let address = Int(bitPattern: block)
    let isKept = state.withLock { state -> Bool in
      guard state.byteCount + sizeClass <= Self.keptBytes, let block = UnsafeMutableRawPointer(bitPattern: address)
      else { return false }
      state.free[sizeClass, default: []].append(block)
      state.byteCount += sizeClass
      return true
    }
    if !isKept { free(block) }
  }
}
