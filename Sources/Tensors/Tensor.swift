import Kernels

/// An n-dimensional array that can remember how it was computed.
///
/// A tensor is a view on a `Storage`: shape, strides and offset say which of its elements belong to it and in which order
/// (`Layout`).
/// `Parameter`s and other leaves for which `requiresGradient` is set collect gradients: every operation on them is recorded,
/// and `backward()` on a scalar result adds that scalar's derivative to each leaf's `gradient`.
///
/// A tensor belongs to one thread at a time; handing it over, as the loader does with batches, is safe.
public class Tensor: @unchecked Sendable {
  /// The extents of the axes.
  public final let shape: Shape
  /// What the elements are.
  public final let dtype: DType
  final let strides: [Int]
  final let offset: Int
  final var storage: Storage

  /// The operation that computed this tensor, as long as its graph lives; nil for leaves.
  final var node: GradientNode?
  /// Whether operations on this leaf are recorded for `backward()`.
  public final var requiresGradient = false { didSet { if requiresGradient { storage.keepForms() } } }
  /// The sum of all derivatives that `backward()` computed since it was last cleared.
  public final var gradient: Tensor?
  /// Of a leaf, while `backward()` runs: how many of its uses have not been differentiated yet.
  final var pendingUses: Int32 = 0
  /// Whether this is what `backward()` computed, or was made of that: of such values nothing is recorded.
  final var isDerivative = false
  /// What it is to the module that holds it; nil for a value of the moment.
  public final var role: StateRole?

  init(storage: Storage, shape: Shape, strides: [Int], offset: Int, dtype: DType) {
    self.storage = storage
    self.shape = shape
    self.strides = strides
    self.offset = offset
    self.dtype = dtype
  }

  /// A tensor of undefined content.
  convenience init(uninitialized shape: Shape, _ dtype: DType, strides: [Int]? = nil) throws {
    guard let count = shape.checkedElementCount(of: dtype) else {
      throw TensorError.impossible(shape, dtype)
    }
    let storage = try Storage(byteCount: count * dtype.byteCount)
    self.init(storage: storage, shape: shape, strides: strides ?? shape.rowMajorStrides, offset: 0, dtype: dtype)
  }

  /// How many axes there are.
  public final var rank: Int { shape.rank }
  /// The product of the extents; 1 for a scalar.
  public final var elementCount: Int { shape.elementCount }
  /// Where the memory is.
  public final var device: Device { .cpu }

  /// Whether a result of this tensor must be recorded.
  final var tracksGradient: Bool { requiresGradient || node != nil }

  /// The first element's address. `T` must be the tensor's own type. The tensor must have a name while the address is
  /// used: the memory of an unnamed intermediate result goes back to the pool at once, and to the next thread that asks.
  /// Throws the fault of a tensor that carries one, whose memory is never touched.
  final func pointer<T: Element>(_ type: T.Type = T.self) throws -> UnsafeMutablePointer<T> {
    try check()
    // This tensor holds the storage all the while: counting a reference more would cost small tensors dearly.
    let memory = try Unmanaged.passUnretained(storage)._withUnsafeGuaranteedRef { try $0.memory }
    return (memory + offset * dtype.byteCount).assumingMemoryBound(to: T.self)
  }

  /// Whether the elements lie in row-major order without gaps.
  public final var isContiguous: Bool {
    var expected = 1
    for axis in shape.extents.indices.reversed() {
      if shape[axis] != 1 && strides[axis] != expected { return elementCount == 0 }
      expected *= shape[axis]
    }
    return true
  }

  /// Whether `[batch, channels, height, width]` lies with its channels innermost, without gaps.
  final var isChannelsLast: Bool {
    guard rank == 4 else { return false }
    let wanted = shape.channelsLastStrides
    return shape.extents.indices.allSatisfy { shape[$0] == 1 || strides[$0] == wanted[$0] }
  }

  /// Whether the elements fill their memory without gaps, in any order of axes.
  final var isDense: Bool { isContiguous || isChannelsLast }

  /// The same elements under another shape.
  final func view(_ shape: Shape, strides: [Int], offset: Int) -> Tensor {
    Tensor(storage: storage, shape: shape, strides: strides, offset: offset, dtype: dtype)
  }

  /// The elements in row-major order without gaps: this tensor where it is so already, else a copy. Not recorded.
  public final func packed() -> Tensor { isContiguous ? self : copied(strides: shape.rowMajorStrides) }

  /// `[batch, channels, height, width]` with the channels innermost; a copy where needed. Not recorded.
  final func channelsLast() -> Tensor { isChannelsLast ? self : copied(strides: shape.channelsLastStrides) }

  /// A copy with the given dense strides.
  final func copied(strides: [Int]) -> Tensor {
    attempt {
      let result = try Tensor(uninitialized: shape, dtype, strides: strides)
      // What is owed is paid before: it is no part of the copy.
      try check()
      let copy = CopyElements(source: self, target: result)
      if strides == self.strides {
        try dtype.perform(copy)
      } else {
        try KernelMeters.within(.reorder) { try dtype.perform(copy) }
      }
      return result
    }
  }
}

/// Elements as messages, files and loops outside of operators take them.
extension Tensor {
  /// Calls `body` with the elements of a float32 tensor in row-major order, to be changed: in place, or in a copy that is then
  /// written back where they do not lie so.
  public final func withFloats<Result>(_ body: (UnsafeMutableBufferPointer<Float>) throws -> Result) throws -> Result {
    try check()
    guard dtype == .float32 else { throw TensorError("withFloats", "needs float32, not \(dtype) \(shape)") }
    try requireWritable("withFloats")
    OpenDebts.ofThread.settleReaders(of: storage)
    let source = isContiguous ? self : detached().packed()
    // Before an error, too, some may have been changed.
    defer { if source.storage === storage { storage.version &+= 1 } }
    let result = try body(UnsafeMutableBufferPointer(start: source.pointer(Float.self), count: elementCount))
    if source.storage !== storage { assign(source) }
    return result
  }

  /// Calls `body` with the elements in row-major order as `T`, to be read: where they lie if they do so, else a copy.
  public final func withRowMajor<T: Element, Result>(
    as type: T.Type = T.self, _ body: (UnsafeBufferPointer<T>) throws -> Result
  ) throws -> Result {
    let source = dtype == T.dtype && isContiguous ? self : detached().to(T.dtype).packed()
    return try withExtendedLifetime(source) {
      try body(UnsafeBufferPointer(start: try source.pointer(T.self), count: elementCount))
    }
  }

  /// Calls `body` with the memory of this tensor and of others of its shape and type, all in one order: elements `i` belong
  /// together. This one and `others` may be changed in place; what lies otherwise in memory goes through a copy.
  @_specialize(where T == Float)
  public final func withElements<T: FloatElement>(
    as type: T.Type, and others: [Tensor] = [], reading source: Tensor,
    _ body: (
      _ count: Int, _ own: UnsafeMutablePointer<T>, _ others: [UnsafeMutablePointer<T>], _ source: UnsafePointer<T>
    ) throws -> Void
  ) throws {
    try source.checkElements(like: self, T.dtype)
    try requireWritable("elements")
    var areAlike = isDense && source.strides == strides
    for other in others {
      try other.checkElements(like: self, T.dtype)
      try other.requireWritable("elements")
      areAlike = areAlike && other.strides == strides
    }
    // The usual case without the price of the other: a small model's update is all overhead.
    if areAlike {
      storage.version &+= 1
      for other in others { other.storage.version &+= 1 }
      return try body(elementCount, pointer(), others.map { try $0.pointer() }, source.pointer())
    }
    let own = isDense ? self : packed()
    let rest = others.map { $0.laid(as: own) }
    let read = source.laid(as: own)
    try withExtendedLifetime((own, rest, read)) {
      try body(elementCount, own.pointer(), rest.map { try $0.pointer() }, read.pointer())
    }
    for (tensor, changed) in zip([self] + others, [own] + rest) {
      tensor.storage.version &+= 1
      if changed !== tensor { tensor.assign(changed) }
    }
  }

  private final func checkElements(like other: Tensor, _ type: DType) throws {
    guard shape == other.shape, dtype == type, other.dtype == type else {
      throw TensorError("elements", "\(other.dtype) \(other.shape) with \(dtype) \(shape), as \(type)")
    }
  }

  /// This tensor with the strides of a dense one of its shape.
  private final func laid(as other: Tensor) -> Tensor {
    strides == other.strides ? self : copied(strides: other.strides)
  }
}
