import Kernels

extension Tensor {
  /// A tensor of the given elements in row-major order.
  public convenience init<T: Element>(_ elements: [T], shape: Shape) throws {
    guard shape.checkedElementCount(of: T.dtype) == elements.count else {
      throw TensorError("tensor", "\(elements.count) elements don't fill shape \(shape)")
    }
    try self.init(uninitialized: shape, T.dtype)
    elements.withUnsafeBufferPointer { source in
      if let base = source.baseAddress { pointer(T.self).update(from: base, count: source.count) }
    }
  }

  /// A vector.
  public convenience init<T: Element>(_ elements: [T]) throws { try self.init(elements, shape: [elements.count]) }

  /// A matrix from its rows.
  public convenience init<T: Element>(_ rows: [[T]]) throws {
    let width = rows.first?.count ?? 0
    if let ragged = rows.firstIndex(where: { $0.count != width }) {
      throw TensorError("tensor", "row \(ragged) has \(rows[ragged].count) elements, row 0 has \(width)")
    }
    try self.init(rows.flatMap { $0 }, shape: [rows.count, width])
  }

  /// A scalar.
  public convenience init<T: Element>(_ value: T) throws { try self.init([value], shape: []) }

  public static func full(_ shape: Shape, _ value: Double, _ dtype: DType = .float32) throws -> Tensor {
    let result = try Tensor(uninitialized: shape, dtype)
    try result.fill(value)
    return result
  }

  public static func zeros(_ shape: Shape, _ dtype: DType = .float32) throws -> Tensor { try full(shape, 0, dtype) }
  public static func ones(_ shape: Shape, _ dtype: DType = .float32) throws -> Tensor { try full(shape, 1, dtype) }

  /// The identity matrix `[size, size]`.
  public static func identity(_ size: Int, _ dtype: DType = .float32) throws -> Tensor {
    let result = try zeros([size, size], dtype)
    try result.view([size], strides: [size + 1], offset: 0).fill(1)
    return result
  }

  /// `start, start + step, …` up to but without `end`.
  public static func arange(
    _ start: Double, _ end: Double, by step: Double = 1, _ dtype: DType = .float32
  ) throws -> Tensor {
    let count = ((end - start) / step).rounded(.up)
    guard step != 0, count.isFinite, count < Double(1 << 40) else {
      throw TensorError("arange", "can't step from \(start) to \(end) by \(step)")
    }
    let result = try Tensor(uninitialized: [Swift.max(0, Int(count))], .float64)
    let target = result.pointer(Double.self)
    for index in 0..<result.elementCount { target[index] = start + Double(index) * step }
    return try result.to(dtype)
  }

  /// `0, 1, … end - 1`.
  public static func arange(_ end: Int, _ dtype: DType = .int64) throws -> Tensor {
    let result = try Tensor(uninitialized: [Swift.max(0, end)], .int64)
    let target = result.pointer(Int64.self)
    for index in 0..<result.elementCount { target[index] = Int64(index) }
    return try result.to(dtype)
  }

  /// Sets every element. Not recorded.
  public final func fill(_ value: Double) throws { try dtype.perform(FillElements(target: self, value: value)) }

  /// Overwrites the elements with those of `source`, which broadcasts and converts. Not recorded.
  public final func assign(_ source: Tensor) throws {
    let converted = try source.to(dtype)
    // Of the same memory it may overlap, so that elements would be overwritten before they are read.
    let apart = converted.storage === storage ? try converted.copy() : converted
    try dtype.perform(CopyElements(source: apart.expanded(to: shape), target: self))
  }
}

extension Tensor {
  /// The elements in row-major order, converted to `T`.
  public final func values<T: Element>(as type: T.Type = T.self) throws -> [T] {
    let source = try to(T.dtype).packed()
    return [T](UnsafeBufferPointer(start: source.pointer(T.self), count: source.elementCount))
  }

  public final func floats() throws -> [Float] { try values() }

  /// The only element.
  public final func item() throws -> Double {
    guard elementCount == 1 else { throw TensorError("item", "shape \(shape) has \(elementCount) elements, not one") }
    switch dtype {
    case .float32: return Double(pointer(Float.self)[0])
    case .float64: return pointer(Double.self)[0]
    default: return try values(as: Double.self)[0]
    }
  }

  /// The elements in another type. Recorded between float types.
  public final func to(_ dtype: DType) throws -> Tensor {
    if dtype == self.dtype { return self }
    let result = try Tensor(uninitialized: shape, dtype)
    try self.dtype.perform(ConvertElements(source: self, target: result))
    guard dtype.isFloat && self.dtype.isFloat else { return result }
    let original = self.dtype
    return result.recorded([self]) { [try $0.to(original)] }
  }

  /// A copy in row-major order that shares nothing. Not recorded.
  public final func copy() throws -> Tensor { try copied(strides: shape.rowMajorStrides) }
}

struct CopyElements: TypedAction {
  let source, target: Tensor

  func run<T: Element>(_ type: T.Type) throws {
    let (from, to) = (source.pointer(T.self), target.pointer(T.self))
    if source.isDense && source.strides == target.strides {
      to.update(from: from, count: source.elementCount)
    } else if target.isContiguous {
      Loops.map(extents: source.shape.extents, from, source.strides, into: to) { $0 }
    } else {
      let rows = try source.packed()
      Loops.scatter(extents: source.shape.extents, rows.pointer(T.self), into: to, target.strides) { $1 }
    }
  }
}

private struct FillElements: TypedAction {
  let target: Tensor
  let value: Double

  func run<T: Element>(_ type: T.Type) throws {
    let element = T(converting: value)
    if target.isDense {
      target.pointer(T.self).update(repeating: element, count: target.elementCount)
      return
    }
    let loop = StridedLoop(extents: target.shape.extents, strides: [target.strides])
    let (base, count, stride) = (target.pointer(T.self), loop.innerCount, loop.innerStride(0))
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
      let (from, to) = (source.pointer(S.self), target.pointer(T.self))
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
  public static let empty = Tensor(storage: .empty, shape: [0], strides: [1], offset: 0, dtype: .float32)
}

extension Tensor {
  /// A float32 tensor whose content the caller writes next.
  public convenience init(uninitializedFloats shape: Shape) throws { try self.init(uninitialized: shape, .float32) }
}
