// The same elements in another order, repeated, cut or left out. All but `split` and `chunk` copy.

extension Tensor {
  /// The elements along the given axes from the last to the first: PyTorch's `flip`.
  public final func flipped(_ axes: [Int]) -> Tensor {
    attempt {
      let resolved = try axes.map { try shape.axis($0, for: "flip") }
      guard Set(resolved).count == axes.count else { throw TensorError("flip", "\(axes) names an axis twice") }
      return resolved.reduce(self) { $0.selected((0..<$0.shape[$1]).reversed(), axis: $1) }
    }
  }

  /// The elements along an axis from the last to the first.
  public final func flipped(_ axis: Int) -> Tensor { flipped([axis]) }

  /// Each element moved `shift` places on along `axis`, those at the end to the front: PyTorch's `roll`. Without an axis over all of
  /// them in row-major order.
  public final func rolled(_ shift: Int, axis: Int? = nil) -> Tensor {
    attempt {
      guard let axis else { return reshaped([elementCount]).rolled(shift, axis: 0).reshaped(shape) }
      let count = shape[try shape.axis(axis, for: "roll")]
      if count == 0 { return self }
      let first = ((count - shift % count) % count)
      return selected((0..<count).map { ($0 + first) % count }, axis: axis)
    }
  }

  /// The whole tensor so many times along each axis; with more numbers than axes new ones come first, with fewer the last axes are
  /// meant: PyTorch's `repeat` and `tile`.
  public final func tiled(_ times: [Int]) -> Tensor {
    let lead = Swift.max(times.count - rank, 0)
    let old = [Int](repeating: 1, count: lead) + shape.extents
    let times = [Int](repeating: 1, count: old.count - times.count) + times
    return attempt(as: Shape(zip(old, times).map { $0 &* $1 })) {
      guard times.allSatisfy({ $0 >= 0 }) else { throw TensorError("tile", "shape \(shape) so many times: \(times)") }
      // Each axis behind one of as many copies, which needs no memory yet.
      let apart = reshaped(Shape(old.flatMap { [1, $0] }))
      let copies = apart.expanded(to: Shape(zip(times, old).flatMap { [$0, $1] }))
      try copies.check()
      return copies.reshaped(Shape(zip(old, times).map { $0 * $1 }))
    }
  }

  /// Each element `times` times, one behind the other along `axis`: PyTorch's `repeat_interleave`. Without an axis all of them in
  /// row-major order.
  public final func repeatInterleave(_ times: Int, axis: Int? = nil) -> Tensor {
    guard let axis else { return reshaped([elementCount]).repeatInterleave(times, axis: 0) }
    return attempt(as: shape.replacing(axis, by: (shape.resolved(axis).map { shape[$0] } ?? 1) &* times)) {
      let axis = try shape.axis(axis, for: "repeatInterleave")
      guard times >= 0 else { throw TensorError("repeatInterleave", "each \(times) times") }
      var (copies, whole) = (shape.extents, shape)
      copies.insert(times, at: axis + 1)
      let repeated = unsqueezed(axis + 1).expanded(to: Shape(copies))
      try repeated.check()
      whole[axis] *= times
      return repeated.reshaped(whole)
    }
  }

  /// Element i along `axis` `times[i]` times.
  public final func repeatInterleave(_ times: [Int], axis: Int) -> Tensor {
    attempt {
      let axis = try shape.axis(axis, for: "repeatInterleave")
      let total = times.reduce(0) { $0.addingReportingOverflow($1).overflow ? .max : $0 + $1 }
      guard times.count == shape[axis], times.allSatisfy({ $0 >= 0 }), total <= Int32.max else {
        throw TensorError("repeatInterleave", "axis \(axis) of shape \(shape) by \(times.count) counts")
      }
      return selected(times.indices.flatMap { [Int](repeating: $0, count: times[$0]) }, axis: axis)
    }
  }

  /// The last two axes' lower triangle, 0 above: what lies on the diagonal or up to `diagonal` places above it stays.
  public final func tril(_ diagonal: Int = 0) -> Tensor { triangle("tril", diagonal, isUpper: false) }
  /// The last two axes' upper triangle, 0 below: what lies on the diagonal or from `diagonal` places above it on stays.
  public final func triu(_ diagonal: Int = 0) -> Tensor { triangle("triu", diagonal, isUpper: true) }

  private final func triangle(_ name: String, _ diagonal: Int, isUpper: Bool) -> Tensor {
    attempt {
      guard rank > 1 else { throw TensorError(name, "shape \(shape) has no two axes") }
      let (rows, columns) = (shape[rank - 2], shape[rank - 1])
      let diagonal = Swift.min(Swift.max(diagonal, -rows), columns)
      let (row, column) = (Tensor.arange(rows).unsqueezed(1) + diagonal, Tensor.arange(columns))
      return maskedFill(isUpper ? column < row : column > row, 0)
    }
  }

  /// Views of `size` elements each along `axis`; the last may be smaller.
  public final func split(_ size: Int, axis: Int = 0) -> [Tensor] {
    guard fault == nil, let extent = shape.resolved(axis).map({ shape[$0] }), size > 0 else {
      let error = TensorError("split", "axis \(axis) of shape \(shape) in parts of \(size)")
      return [attempt(isView: true) { throw error }]
    }
    if extent == 0 { return [self] }
    let starts = stride(from: 0, to: extent, by: size)
    return split(starts.map { Swift.min(size, extent - $0) }, axis: axis)
  }

  /// Views of so many elements each along `axis`, which must be all.
  public final func split(_ sizes: [Int], axis: Int = 0) -> [Tensor] {
    let total = sizes.reduce(0) { $0.addingReportingOverflow($1).overflow ? .max : $0 + $1 }
    guard let resolved = shape.resolved(axis), sizes.allSatisfy({ $0 >= 0 }), total == shape[resolved] else {
      let error = TensorError("split", "axis \(axis) of shape \(shape) in parts of \(sizes)")
      return sizes.map { size in attempt(as: shape.replacing(axis, by: size), isView: true) { throw error } }
    }
    let before = [TensorSelection](repeating: .all, count: resolved)
    var start = 0
    return sizes.map { size in
      defer { start += size }
      return selecting(before + [.range(start: start, end: start + size, step: 1)])
    }
  }

  /// Views of `count` parts as large as each other along `axis`, the last perhaps smaller. As in PyTorch there may be fewer parts.
  public final func chunk(_ count: Int, axis: Int = 0) -> [Tensor] {
    guard fault == nil, let extent = shape.resolved(axis).map({ shape[$0] }), count > 0 else {
      let error = TensorError("chunk", "axis \(axis) of shape \(shape) in \(count) parts")
      // As many as the code behind it counts on.
      return (0..<Swift.min(Swift.max(count, 1), 4096)).map { _ in attempt(isView: true) { throw error } }
    }
    return split(Swift.max(extent / count + (extent % count == 0 ? 0 : 1), 1), axis: axis)
  }
}
