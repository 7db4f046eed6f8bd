// Elements and slices by positions: taken from there, or put there.

extension Tensor {
  /// The slices of `axis` at the given positions, which may repeat: PyTorch's `index_select`. The derivative is added at the places
  /// that were taken.
  public final func selected(_ positions: [Int], axis: Int = 0) -> Tensor {
    attempt(as: shape.replacing(axis, by: positions.count)) { try slices(positions, axis) }
  }

  private final func slices(_ positions: [Int], _ axis: Int) throws -> Tensor {
    let axis = try shape.axis(axis, for: "select")
    if let bad = positions.first(where: { !(0..<shape[axis]).contains($0) }) {
      throw TensorError("select", "index \(bad) is outside of axis \(axis) of shape \(shape)")
    }
    let source = packed()
    let result = try Tensor(uninitialized: shape.replacing(axis, by: positions.count), dtype)
    let slices = Slices(shape, axis, positions)
    let bytes = slices.inner * dtype.byteCount
    let (from, to) = (try source.pointer(UInt8.self), try result.pointer(UInt8.self))
    slices.each { to.advanced(by: $1 * bytes).update(from: from + $0 * bytes, count: bytes) }
    let whole = shape
    return result.recorded(
      [self], function: "selected", as: TracedOperation("Gather", ["axis": .int(axis), "indices": .ints(positions)])
    ) { gradient in
      let sum = Tensor.zeros(whole, gradient.dtype)
      try gradient.dtype.perform(AddSlices(target: sum, slices: slices, values: gradient.packed()))
      return [sum]
    }
  }

  /// `result[i][j] = self[i][indices[i][j]]` along `axis`, for index tensors of the same rank: PyTorch's `gather`.
  /// The derivative is added at the places that were taken.
  public final func gathered(_ indices: Tensor, axis: Int) -> Tensor {
    attempt(indices, as: indices.shape) {
      let offsets = try places(of: indices, axis, "gather")
      let result = try dtype.perform(PickElements(source: packed(), offsets: offsets, shape: indices.shape))
      let whole = shape
      return result.recorded(
        [self], function: "gathered", as: TracedOperation("GatherElements", ["axis": .int(axis)]), with: [indices]
      ) { gradient in
        let sum = Tensor.zeros(whole, gradient.dtype)
        try gradient.dtype.perform(AddElements(target: sum, offsets: offsets, values: gradient.packed()))
        return [sum]
      }
    }
  }

  /// This tensor with `self[i][indices[i][j]] = source[i][j]` along `axis`: PyTorch's `scatter`. Of elements that go to the same
  /// place the last stays. Derivatives: 0 at the places that were overwritten; what arrives there, for the source.
  ///
  /// - Parameters:
  ///   - indices: integers, of this tensor's rank.
  ///   - source: of the indices' shape, or a single number.
  ///   - axis: along which the indices count.
  public final func scattered(_ indices: Tensor, _ source: Tensor, axis: Int) -> Tensor {
    attempt(indices, source) { try put(source, at: indices, axis, adding: false) }
  }

  /// The same with a number.
  public final func scattered<N: TensorNumber>(_ indices: Tensor, _ number: N, axis: Int) -> Tensor {
    scattered(indices, .full([], number.asDouble, dtype), axis: axis)
  }

  /// This tensor with `self[i][indices[i][j]] += source[i][j]` along `axis`, one after the other: PyTorch's `scatter_add`.
  /// Derivatives: g, and what of it arrives at the places for the source.
  public final func scatterAdded(_ indices: Tensor, _ source: Tensor, axis: Int) -> Tensor {
    attempt(indices, source) { try put(source, at: indices, axis, adding: true) }
  }

  private final func put(_ source: Tensor, at indices: Tensor, _ axis: Int, adding: Bool) throws -> Tensor {
    let operation = adding ? "scatterAdd" : "scatter"
    let offsets = try places(of: indices, axis, operation)
    guard source.shape == indices.shape || source.rank == 0 else {
      throw TensorError(operation, "a source of shape \(source.shape) for indices of shape \(indices.shape)")
    }
    let values = source.detached().to(dtype).expanded(to: indices.shape).packed()
    let result = copy()
    if adding {
      try dtype.perform(AddElements(target: result, offsets: offsets, values: values))
    } else {
      try dtype.perform(PutElements(target: result, offsets: offsets, values: values))
    }
    let (target, origin) = (outline, source.outline)
    return result.recorded(
      [self, source], needing: indices, function: adding ? "scatterAdded" : "scattered",
      as: TracedOperation("ScatterElements", ["axis": .int(axis), "reduction": .text(adding ? "add" : "none")]),
      with: [indices]
    ) { gradient in
      var own = gradient
      if target.tracksGradient && !adding {
        own = gradient.copy()
        let zeros = Tensor.zeros(indices.shape, gradient.dtype)
        try gradient.dtype.perform(PutElements(target: own, offsets: offsets, values: zeros))
      }
      return [
        target.tracksGradient ? own : nil,
        origin.tracksGradient ? origin.unbroadcast(gradient.gathered(indices, axis: axis)) : nil,
      ]
    }
  }

  /// Where in row-major order each element lies that `indices` name along `axis`, checked.
  private final func places(of indices: Tensor, _ axis: Int, _ operation: String) throws -> [Int] {
    let axis = try shape.axis(axis, for: operation)
    guard indices.rank == rank, indices.shape.indices.allSatisfy({ $0 == axis || indices.shape[$0] <= shape[$0] })
    else {
      throw TensorError(operation, "indices of shape \(indices.shape) for a tensor of shape \(shape)")
    }
    guard !indices.dtype.isFloat, indices.dtype != .bool else {
      throw TensorError(operation, "indices \(indices.shape) are \(indices.dtype), not integers")
    }
    let positions = try indices.values(as: Int64.self)
    if let bad = positions.first(where: { $0 < 0 || $0 >= shape[axis] }) {
      throw TensorError(operation, "index \(bad) is outside of axis \(axis) of shape \(shape)")
    }
    let taken = indices.shape
    let (mine, theirs) = (shape.rowMajorStrides, taken.rowMajorStrides)
    return positions.indices.map { flat in
      var offset = Int(positions[flat]) * mine[axis]
      for other in taken.indices where other != axis { offset += flat / theirs[other] % taken[other] * mine[other] }
      return offset
    }
  }
}

/// Slices of an axis, row-major `[outer, extent, inner]`.
struct Slices: Sendable {
  private let outer, extent: Int
  private let positions: [Int]
  /// Elements of a slice that lie together.
  let inner: Int

  init(_ shape: Shape, _ axis: Int, _ positions: [Int]) {
    (outer, inner) = (shape.extents[..<axis].reduce(1, *), shape.extents[(axis + 1)...].reduce(1, *))
    (extent, self.positions) = (shape[axis], positions)
  }

  /// Calls `body` with where each slice lies among all and among those at the positions, in slices.
  @inline(__always)
  func each(_ body: (_ whole: Int, _ taken: Int) -> Void) {
    for block in 0..<(inner == 0 || positions.isEmpty ? 0 : outer) {
      for (index, position) in positions.enumerated() {
        body(block * extent + position, block * positions.count + index)
      }
    }
  }
}

private struct AddSlices: TypedAction {
  let target: Tensor
  let slices: Slices
  let values: Tensor

  func run<T: Element>(_ type: T.Type) throws {
    let (sum, addend, count) = (try target.pointer(T.self), try values.pointer(T.self), slices.inner)
    slices.each { whole, taken in
      let (to, from) = (sum + whole * count, addend + taken * count)
      for i in 0..<count { to[i] = T.adding(to[i], from[i]) }
    }
  }
}

private struct PickElements: TypedAction {
  let source: Tensor
  let offsets: [Int]
  let shape: Shape

  func run<T: Element>(_ type: T.Type) throws -> Tensor {
    let from = try source.pointer(T.self)
    return Tensor(offsets.map { from[$0] }, shape: shape)
  }
}

private struct AddElements: TypedAction {
  let target: Tensor
  let offsets: [Int]
  let values: Tensor

  func run<T: Element>(_ type: T.Type) throws {
    let (sum, addend) = (try target.pointer(T.self), try values.pointer(T.self))
    for (index, offset) in offsets.enumerated() { sum[offset] = T.adding(sum[offset], addend[index]) }
  }
}

private struct PutElements: TypedAction {
  let target: Tensor
  let offsets: [Int]
  let values: Tensor

  func run<T: Element>(_ type: T.Type) throws {
    let (to, from) = (try target.pointer(T.self), try values.pointer(T.self))
    for (index, offset) in offsets.enumerated() { to[offset] = from[index] }
  }
}
