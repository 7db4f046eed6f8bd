import Kernels

// Creation does not throw: what can't be made carries the fault (Faults.swift).

extension Tensor {
  /// A new tensor that `body` writes.
  private convenience init(_ shape: Shape, _ dtype: DType, writing body: (UnsafeMutableRawPointer) throws -> Void) {
    do {
      guard let count = shape.checkedElementCount(of: dtype) else { throw TensorError.impossible(shape, dtype) }
      let storage = try Storage(byteCount: count * dtype.byteCount)
      try body(try storage.memory)
      self.init(storage: storage, shape: shape, strides: shape.rowMajorStrides, offset: 0, dtype: dtype)
    } catch {
      self.init(fault: error, shape, dtype)
    }
  }

  /// A tensor of the given elements in row-major order.
  public convenience init<T: Element>(_ elements: [T], shape: Shape) {
    self.init(shape, T.dtype) { memory in
      guard shape.checkedElementCount(of: T.dtype) == elements.count else {
        throw TensorError("tensor", "\(elements.count) elements don't fill shape \(shape)")
      }
      elements.withUnsafeBytes {
        memory.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(memory), byteCount: $0.count)
      }
    }
  }

  /// A vector of the elements' own type. Literals are `Float` and `Int`: `Tensor([0.1])` is float32, `Tensor([1, 2])` int64,
  /// as in PyTorch; an array of `Double` that has a name is float64.
  @_disfavoredOverload
  public convenience init<T: Element>(_ elements: [T]) { self.init(elements, shape: [elements.count]) }

  /// A matrix from its rows.
  @_disfavoredOverload
  public convenience init<T: Element>(_ rows: [[T]]) { self.init(rows: rows) }

  convenience init<T: Element>(rows: [[T]]) {
    let width = rows.first?.count ?? 0
    if let ragged = rows.firstIndex(where: { $0.count != width }) {
      let error = TensorError("tensor", "row \(ragged) has \(rows[ragged].count) elements, row 0 has \(width)")
      self.init(fault: error, [rows.count, width], T.dtype)
    } else {
      self.init(rows.flatMap { $0 }, shape: [rows.count, width])
    }
  }

  /// A scalar.
  @_disfavoredOverload
  public convenience init<T: Element>(_ value: T) { self.init([value], shape: []) }

  /// Every element the same.
  public static func full(_ shape: Shape, _ value: Double, _ dtype: DType = .float32) -> Tensor {
    let result = Tensor(shape, dtype) { _ in }
    // In new memory nobody minds a change; a faulted result stays as it is.
    try? dtype.perform(FillElements(target: result, value: value))
    return result
  }

  /// Of 0; float32 unless said otherwise.
  public static func zeros(_ shape: Shape, _ dtype: DType = .float32) -> Tensor { full(shape, 0, dtype) }
  /// Of 1; float32 unless said otherwise.
  public static func ones(_ shape: Shape, _ dtype: DType = .float32) -> Tensor { full(shape, 1, dtype) }

  /// The identity matrix `[size, size]`.
  public static func identity(_ size: Int, _ dtype: DType = .float32) -> Tensor {
    let result = zeros([size, size], dtype)
    if result.fault == nil { result.view([size], strides: [size + 1], offset: 0).fill(1) }
    return result
  }

  /// `start, start + step, …` up to but without `end`.
  public static func arange(
    _ start: Double, _ end: Double, by step: Double = 1, _ dtype: DType = .float32
  ) -> Tensor {
    let count = ((end - start) / step).rounded(.up)
    guard step != 0, count.isFinite, count < Double(1 << 40) else {
      return Tensor(fault: TensorError("arange", "can't step from \(start) to \(end) by \(step)"), [0], dtype)
    }
    let length = Swift.max(0, Int(count))
    return Tensor([length], .float64) { memory in
      let target = memory.assumingMemoryBound(to: Double.self)
      for index in 0..<length { target[index] = start + Double(index) * step }
    }.to(dtype)
  }

  /// `0, 1, … end - 1`.
  public static func arange(_ end: Int, _ dtype: DType = .int64) -> Tensor {
    let length = Swift.max(0, end)
    return Tensor([length], .int64) { memory in
      let target = memory.assumingMemoryBound(to: Int64.self)
      for index in 0..<length { target[index] = Int64(index) }
    }.to(dtype)
  }

  /// Sets every element, unless there is a fault. Not recorded.
  public final func fill(_ value: Double) {
    change {
      try requireWritable("fill")
      try dtype.perform(FillElements(target: self, value: value))
    }
  }

  /// Overwrites the elements with those of `source`, which broadcasts and converts, unless one of both carries a fault. Not
  /// recorded.
  public final func assign(_ source: Tensor) {
    change(by: source) {
      try requireWritable("assign")
      try write(source)
    }
  }

  /// The same without a look at faults; for new memory.
  final func write(_ source: Tensor) throws {
    let converted = source.to(dtype)
    // Of the same memory it may overlap, so that elements would be overwritten before they are read.
    let apart = converted.storage === storage ? converted.copy() : converted
    try dtype.perform(CopyElements(source: apart.expanded(to: shape), target: self))
  }
}

extension Tensor {
  /// The elements in row-major order, converted to `T`. Throws the fault of a tensor that carries one.
  public final func values<T: Element>(as type: T.Type = T.self) throws -> [T] {
    let source = to(T.dtype).packed()
    return [T](UnsafeBufferPointer(start: try source.pointer(T.self), count: source.elementCount))
  }

  /// The elements as float32, as `values`.
  public final func floats() throws -> [Float] { try values() }

  /// The only element. Throws the fault of a tensor that carries one.
  public final func item() throws -> Double {
    try check()
    guard elementCount == 1 else { throw TensorError("item", "shape \(shape) has \(elementCount) elements, not one") }
    switch dtype {
    case .float32: return Double(try pointer(Float.self)[0])
    case .float64: return try pointer(Double.self)[0]
    default: return try values(as: Double.self)[0]
    }
  }

  /// The elements in another type. Recorded between float types.
  public final func to(_ dtype: DType) -> Tensor {
    if dtype == self.dtype { return self }
    return attempt(as: nil, dtype) {
      let result = try Tensor(uninitialized: shape, dtype)
      try self.dtype.perform(ConvertElements(source: self, target: result))
      guard dtype.isFloat && self.dtype.isFloat else { return result.traced([self], as: TracedOperation("Cast")) }
      let original = self.dtype
      return result.recorded([self], as: TracedOperation("Cast")) { [$0.to(original)] }
    }
  }

  /// A copy in row-major order that shares nothing. Not recorded.
  public final func copy() -> Tensor { copied(strides: shape.rowMajorStrides) }
}

struct CopyElements: TypedAction {
  let source, target: Tensor

  func run<T: Element>(_ type: T.Type) throws {
    let (from, to) = (try source.pointer(T.self), try target.pointer(T.self))
    if source.isDense && source.strides == target.strides {
      to.update(from: from, count: source.elementCount)
    } else {
      // In the order in which the target lies.
      let axes = target.strides.indices.sorted { target.strides[$0] > target.strides[$1] }
      let strides = [source, target].map { one in axes.map { one.strides[$0] } }
      Loops.copy(extents: axes.map { source.shape[$0] }, from, strides[0], into: to, strides[1])
    }
  }
}

private struct FillElements: TypedAction {
  let target: Tensor
  let value: Double

  func run<T: Element>(_ type: T.Type) throws {
    let element = T(converting: value)
    if target.isDense {
      try target.pointer(T.self).update(repeating: element, count: target.elementCount)
      return
    }
    let loop = StridedLoop(extents: target.shape.extents, strides: [target.strides])
    let (base, count, stride) = (try target.pointer(T.self), loop.innerCount, loop.innerStride(0))
    var rows = loop.rows()
    while rows.next() { for i in 0..<count { base[rows.offsets[0] + i * stride] = element } }
  }
}

private struct ConvertElements: TypedAction {
  let source, target: Tensor

  func run<S: Element>(_ type: S.Type) throws { try target.dtype.perform(From<S>(source: source, target: target)) }

  private struct From<S: Element>: TypedAction {
    let source, target: Tensor

    func run<T: Element>(_ type: T.Type) throws {
      let (from, to) = (try source.pointer(S.self), try target.pointer(T.self))
      if S.dtype.isFloat {
        Loops.map(extents: source.shape.extents, from, source.strides, into: to) { T(converting: $0.asDouble) }
      } else {
        Loops.map(extents: source.shape.extents, from, source.strides, into: to) { T(converting: $0.asInt64) }
      }
    }
  }
}

extension Tensor {
  /// A float32 tensor without elements, `[0]`.
  public static var empty: Tensor {
    Tensor(storage: Storage(), shape: [0], strides: [1], offset: 0, dtype: .float32)
  }

  /// A float32 tensor whose content the caller writes next.
  public convenience init(uninitializedFloats shape: Shape) { self.init(shape, .float32) { _ in } }
}
