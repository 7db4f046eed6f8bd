import Glibc
import Kernels
import Synchronization

/// A block of memory that tensors share: 64 bytes aligned and given back to a pool when its last tensor is gone, or
/// somebody else's that is adopted.
public final class Storage: @unchecked Sendable {
  private var address: UnsafeMutableRawPointer
  /// The size by which the pool takes the memory back; nil for memory that is not the pool's.
  private var sizeClass: Int?
  /// Who gives the memory back, if it is somebody else's.
  private var owner: AnyObject?
  /// Whether elements may be changed where they lie.
  private(set) final var isWritable = true
  private var images: ImageExtents?
  /// The kernel that will fill this at the first look (Owing.swift).
  final var debt: Debt?
  /// Why what should be here could not be computed or changed.
  final var fault: (any Error)?
  /// Of a faulted view: the memory that it would have looked at.
  let viewed: Storage?
  /// Grows with every change in place, so that backward finds out that a value is no longer what forward saw.
  final var version = 0
  /// What kernels have made of a parameter's elements, and of which version.
  private var packedWeights: (forms: PackedWeights, version: Int)?

  init(byteCount: Int) throws {
    let sizeClass = MemoryPool.sizeClass(of: byteCount)
    (address, self.sizeClass) = (try MemoryPool.take(sizeClass), sizeClass)
    viewed = nil
  }

  /// Memory for images in blocks, of undefined content.
  convenience init(blocks: ImageExtents) throws {
    try self.init(byteCount: blocks.elementCount(.blocked) * MemoryLayout<Float>.stride)
    images = blocks
  }

  /// Memory that `owner` gives back when it goes, which is not before the last tensor on it has gone.
  init(adopting address: UnsafeMutableRawPointer, owner: AnyObject, isReadOnly: Bool) {
    (self.address, self.owner, isWritable) = (address, owner, !isReadOnly)
    viewed = nil
  }

  /// In place of memory that can't be had; or for no elements at all.
  init(fault: (any Error)? = nil, viewed: Storage? = nil) {
    (address, self.fault, self.viewed) = (Nothing.shared.memory, fault, viewed)
  }

  /// In place of the memory that a kernel will fill.
  convenience init(owing debt: Debt) {
    self.init()
    self.debt = debt
  }

  deinit { if let sizeClass { MemoryPool.give(address, sizeClass) } }

  /// Gets another storage's memory, which nobody else has, for its own.
  final func take(from other: Storage) {
    (address, other.address) = (other.address, address)
    (sizeClass, other.sizeClass) = (other.sizeClass, sizeClass)
    (owner, other.owner) = (other.owner, owner)
    (isWritable, other.isWritable) = (other.isWritable, isWritable)
    (images, other.images) = (other.images, images)
    version &+= 1
  }

  /// Of a parameter, which is multiplied with again and again before it changes, kernels keep what they make of it.
  final func keepForms() { packedWeights = (PackedWeights(), version) }

  /// Where they do; nil for anything but parameters.
  final var packed: PackedWeights? {
    guard let packed = packedWeights else { return nil }
    if packed.version != version {
      packed.forms.expire()
      packedWeights?.version = version
    }
    return packed.forms
  }

  /// The float32 images that lie here in blocks of channels; nil where elements lie by their tensors' strides.
  var blocks: ImageExtents? {
    // A fault on the way stays here, for whoever asks for the memory.
    if debt != nil { try? settle() }
    return images
  }

  /// Where elements lie by strides. Images in blocks are brought to channels-last memory here, for every tensor on them and
  /// all operators that do not ask for blocks: none can read them by strides.
  @inline(__always)
  final var memory: UnsafeMutableRawPointer {
    if images != nil { unblock() }
    return address
  }

  /// Out of line, so that the usual case costs no reference counting.
  @inline(never)
  private final func unblock() {
    images?.unblock(address.assumingMemoryBound(to: Float.self))
    images = nil
  }

  /// Where the images lie in blocks; nil where they do not.
  var blockedMemory: UnsafeMutablePointer<Float>? {
    blocks == nil ? nil : address.assumingMemoryBound(to: Float.self)
  }

  /// An address for those who have no elements.
  private struct Nothing: @unchecked Sendable {
    static let shared = Nothing()
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)
  }
}

/// Freed blocks, kept for the next step: a training step asks for the same sizes again, and fresh pages from the system
/// cost more than most operations.
enum MemoryPool {
  /// Kept at the most; beyond it blocks go back to the system.
  private static let keptBytes = 2 << 30

  private struct State: ~Copyable {
    /// The first free block of each size; the next one's address stands in it.
    var first = [UnsafeMutableRawPointer?](repeating: nil, count: 4 * Int.bitWidth)
    var byteCount = 0
  }
  private static let state = Mutex(State())

  /// Sizes are rounded up to a quarter of a power of two, so that near sizes share their blocks.
  static func sizeClass(of byteCount: Int) -> Int {
    let size = max(byteCount, 64)
    let step = max(64, (1 << (Int.bitWidth - 1 - size.leadingZeroBitCount)) / 4)
    return (size + step - 1) / step * step
  }

  /// Where a size class stands in the list of free blocks: by its power of two and quarter.
  private static func index(of sizeClass: Int) -> Int {
    let power = Int.bitWidth - 1 - sizeClass.leadingZeroBitCount
    return 4 * power + (sizeClass >> (power - 2)) & 3
  }

  static func take(_ sizeClass: Int) throws -> UnsafeMutableRawPointer {
    let index = index(of: sizeClass)
    let kept = state.withLock { state -> Int in
      guard let block = state.first[index] else { return 0 }
      state.first[index] = block.load(as: UnsafeMutableRawPointer?.self)
      state.byteCount -= sizeClass
      return Int(bitPattern: block)
    }
    if let block = UnsafeMutableRawPointer(bitPattern: kept) { return block }
    guard let block = aligned_alloc(64, sizeClass) else {
      throw TensorError("allocate", "no memory for \(sizeClass) bytes")
    }
    return block
  }

  static func give(_ block: UnsafeMutableRawPointer, _ sizeClass: Int) {
    let (address, index) = (Int(bitPattern: block), index(of: sizeClass))
    let isKept = state.withLock { state -> Bool in
      guard state.byteCount + sizeClass <= keptBytes, let block = UnsafeMutableRawPointer(bitPattern: address)
      else { return false }
      block.storeBytes(of: state.first[index], as: UnsafeMutableRawPointer?.self)
      state.first[index] = block
      state.byteCount += sizeClass
      return true
    }
    if !isKept { free(block) }
  }
}
