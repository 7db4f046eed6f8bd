// Faults travel: an operation that can't be done gives a tensor that carries the error, under the shape that it would have
// had, so that the code behind it runs on. Whatever is made of it carries the same error, and it is thrown where a value is
// asked for. A fault lives in the storage: views of a faulted tensor have it too, and so does the tensor to whose view a
// change in place could not be done.

extension Tensor {
  /// What went wrong on the way to this tensor; nil where nothing did. The first fault wins, the left operand's before the
  /// right's.
  public final var fault: (any Error)? { storage.fault }

  /// Throws the fault that this tensor carries, if there is one: what `item()`, `floats()` and `backward()` do first. What is
  /// still owed is computed now.
  @inline(__always)
  public final func check() throws { if storage.fault != nil || storage.debt != nil { try storage.settle() } }

  /// A tensor that stands for one that can't be had.
  ///
  /// - Parameter viewed: the memory that it would have been a view of.
  convenience init(fault: any Error, _ shape: Shape, _ dtype: DType, viewed: Storage?) {
    let shape = shape.plausible
    self.init(
      storage: Storage(fault: fault, viewed: viewed), shape: shape, strides: shape.rowMajorStrides, offset: 0,
      dtype: dtype)
  }

  /// The same for a layer of one's own, whose input does not fit: the first of the inputs' faults, or else `error`.
  public convenience init(
    fault error: any Error, of inputs: [Tensor] = [], _ shape: Shape, _ dtype: DType = .float32
  ) {
    let first = inputs.lazy.compactMap(\.fault).first
    self.init(fault: first ?? error, shape, dtype, viewed: nil)
  }

  /// An operation on this tensor and others. Where one of them carries a fault, or the operation throws, the result carries
  /// the first of these.
  ///
  /// - Parameters:
  ///   - shape, dtype: what the result would have had; of this tensor where they are nil.
  ///   - isView: whether the result shares this tensor's memory.
  @inline(__always)
  final func attempt(
    _ second: Tensor? = nil, _ third: Tensor? = nil, as shape: @autoclosure () -> Shape? = nil, _ dtype: DType? = nil,
    isView: Bool = false, _ body: () throws -> Tensor
  ) -> Tensor {
    do {
      try check()
      try second?.check()
      try third?.check()
      return try body()
    } catch {
      return Tensor(
        fault: error, shape() ?? self.shape, dtype ?? self.dtype, viewed: isView ? storage : nil)
    }
  }

  /// A change of this tensor's elements in place. Where it can't be done, or this tensor or `source` carries a fault, nothing
  /// is written, and this tensor and all that share its memory carry the fault from here on.
  @inline(__always)
  final func change(by source: Tensor? = nil, _ body: () throws -> Void) {
    do {
      OpenDebts.ofThread.settleReaders(of: storage)
      try check()
      try source?.check()
      try body()
      storage.version &+= 1
    } catch {
      storage.take(error)
    }
  }
}

extension Storage {
  /// Carries `error` from here on, unless there is a fault already; so does the memory of which a view could not be had.
  final func take(_ error: any Error) {
    var next: Storage? = self
    while let storage = next {
      if storage.fault == nil { storage.fault = error }
      next = storage.viewed
    }
  }
}

extension Shape {
  /// This shape, if code that works with it can be trusted not to ask for absurd amounts; else extents of 1.
  var plausible: Shape {
    let count = checkedElementCount(of: .bool) ?? .max
    return count <= Int32.max && extents.allSatisfy { $0 <= Int32.max } ? self : Shape(extents.map { _ in 1 })
  }

  /// What `broadcast` comes to, and about that where it fails.
  func stretched(with other: Shape) -> Shape {
    if self == other { return self }
    let rank = Swift.max(self.rank, other.rank)
    return Shape(
      (0..<rank).map { axis in
        let mine = axis < rank - self.rank ? 1 : extents[axis - rank + self.rank]
        let theirs = axis < rank - other.rank ? 1 : other.extents[axis - rank + other.rank]
        return mine == 1 ? theirs : mine
      })
  }

  /// `axis` from 0, where -1 is the last one; nil where there is none.
  func resolved(_ axis: Int) -> Int? {
    let resolved = axis < 0 ? axis &+ rank : axis
    return extents.indices.contains(resolved) ? resolved : nil
  }

  /// With another extent at `axis`, if there is such an axis.
  func replacing(_ axis: Int, by extent: Int) -> Shape {
    var result = self
    if let axis = resolved(axis) { result[axis] = extent }
    return result
  }

  /// With two axes exchanged, if there are such axes.
  func transposed(_ first: Int, _ second: Int) -> Shape {
    var result = self
    if let first = resolved(first), let second = resolved(second) { result.extents.swapAt(first, second) }
    return result
  }

  /// What `matmul` comes to, and about that where it fails.
  func multiplied(with other: Shape) -> Shape {
    let lead = Shape(Array(extents.dropLast(2))).stretched(with: Shape(Array(other.extents.dropLast(2))))
    let rows = rank > 1 ? [self[rank - 2]] : []
    let columns = other.rank > 1 ? [other[other.rank - 1]] : []
    return Shape(lead.extents + rows + columns)
  }

  /// What a subscript leaves, and about that where it is outside.
  func selecting(_ selections: [TensorSelection]) -> Shape {
    Shape(
      indices.compactMap { axis in
        guard axis < selections.count else { return self[axis] }
        guard case .range(let start, let end, let step) = selections[axis] else { return nil }
        let (low, high) = (start < 0 ? start &+ self[axis] : start, end.map { $0 < 0 ? $0 &+ self[axis] : $0 })
        let (length, overflow) = (high ?? self[axis]).subtractingReportingOverflow(low)
        return overflow || length < 0 || step < 1 ? self[axis] : (length - 1) / step + 1
      })
  }

  /// What is left when `axes`, or all of them, are reduced.
  func reduced(_ axes: [Int]?, keepingAxes: Bool) -> Shape {
    let gone = Set(axes.map { $0.compactMap { resolved($0) } } ?? Array(indices))
    if keepingAxes { return Shape(indices.map { gone.contains($0) ? 1 : self[$0] }) }
    return Shape(indices.filter { !gone.contains($0) }.map { self[$0] })
  }
}
