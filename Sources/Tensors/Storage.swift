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
  private var form: Form?
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
    guard let address = MemoryPool.take(sizeClass) else {
      throw TensorError("allocate", "no memory for \(sizeClass) bytes")
    }
    (self.address, self.sizeClass) = (address, sizeClass)
    viewed = nil
  }

  /// Memory for images in blocks, of undefined content.
  convenience init(blocks: ImageExtents) throws {
    try self.init(byteCount: blocks.elementCount(.blocked) * MemoryLayout<Float>.stride)
    form = .blocks(blocks)
  }

  /// Memory for so many elements as bf16, of undefined content.
  convenience init(halves count: Int) throws {
    try self.init(byteCount: count * MemoryLayout<UInt16>.stride)
    form = .halves(count)
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
    (form, other.form) = (other.form, form)
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

  /// How float32 elements lie here that don't lie by their tensors' strides as what they are.
  private enum Form {
    /// Images in blocks of channels.
    case blocks(ImageExtents)
    /// So many elements, by strides, but as bf16.
    case halves(Int)
  }

  private var settledForm: Form? {
    // A fault on the way stays here, for whoever asks for the memory.
    if debt != nil { try? settle() }
    return form
  }

  /// The images that lie here in blocks of channels; nil where there are none.
  var blocks: ImageExtents? {
    if case .blocks(let images) = settledForm { images } else { nil }
  }

  /// Where elements lie by strides, as what they are. Images in blocks are brought to channels-last memory here, and bf16 to
  /// float32, for every tensor on them and all operators that do not ask for those: none can read them otherwise.
  @inline(__always)
  final var memory: UnsafeMutableRawPointer {
    get throws {
      if form != nil { try takeForm() }
      return address
    }
  }

  /// Out of line, so that the usual case costs no reference counting.
  @inline(never)
  private final func takeForm() throws {
    try KernelMeters.within(.reorder) { try layByStrides() }
    form = nil
  }

  private final func layByStrides() throws {
    switch form {
    case .blocks(let images): images.unblock(address.assumingMemoryBound(to: Float.self))
    case .halves(let count):
      let wide = try Storage(byteCount: count * MemoryLayout<Float>.stride)
      HalfKernels.standard.widen(
        address.assumingMemoryBound(to: UInt16.self), into: wide.address.assumingMemoryBound(to: Float.self),
        count: count)
      (address, wide.address) = (wide.address, address)
      (sizeClass, wide.sizeClass) = (wide.sizeClass, sizeClass)
    case nil: break
    }
  }

  /// Where the images lie in blocks; nil where they do not.
  var blockedMemory: UnsafeMutablePointer<Float>? {
    blocks == nil ? nil : address.assumingMemoryBound(to: Float.self)
  }

  /// Where the elements lie as bf16; nil where they do not.
  var halves: Halves? {
    if case .halves = settledForm { address.assumingMemoryBound(to: UInt16.self) } else { nil }
  }

  /// An address for those who have no elements.
  private struct Nothing: @unchecked Sendable {
    static let shared = Nothing()
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)
  }
}
