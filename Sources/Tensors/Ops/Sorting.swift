// In order along an axis. Equal elements keep their order, in descending order too; NaN is greater than anything, as in PyTorch.
// Derivatives go to the places that the elements come from.

extension Tensor {
  /// The elements along `axis` in order, and where each of them was: PyTorch's `sort`.
  public final func sorted(_ axis: Int = -1, descending: Bool = false) -> (values: Tensor, indices: Tensor) {
    let indices = argsort(axis, descending: descending)
    return (taken(indices, axis), indices)
  }

  /// Where the elements along `axis` would come from if they were sorted; int64.
  public final func argsort(_ axis: Int = -1, descending: Bool = false) -> Tensor {
    attempt(as: nil, .int64) {
      try order(axis, descending, count: nil).traced([self], as: .order(axis, largest: descending, count: nil))
    }
  }

  /// The `count` largest elements along `axis` from the largest on, or the smallest from the smallest on, and where they were.
  public final func topk(_ count: Int, axis: Int = -1, largest: Bool = true) -> (values: Tensor, indices: Tensor) {
    let indices = attempt(as: shape.replacing(axis, by: count), .int64) {
      try order(axis, largest, count: count).traced([self], as: .order(axis, largest: largest, count: count))
    }
    return (taken(indices, axis), indices)
  }

  /// A scalar is its own only element.
  private final func taken(_ indices: Tensor, _ axis: Int) -> Tensor {
    rank == 0 && indices.fault == nil ? self : gathered(indices, axis: axis)
  }

  private final func order(_ axis: Int, _ descending: Bool, count: Int?) throws -> Tensor {
    if rank == 0 { return try reshaped([1]).order(axis, descending, count: count).reshaped([]) }
    let axis = try shape.axis(axis, for: count == nil ? "sort" : "topk")
    let length = shape[axis]
    guard (0...length).contains(count ?? 0) else {
      throw TensorError("topk", "\(count ?? 0) elements of axis \(axis) of shape \(shape)")
    }
    let rows = detached().transposed(axis, -1).packed()
    let order = try dtype.perform(OrderRows(rows: rows, descending: descending)).transposed(axis, -1)
    guard let count, count < length else { return order.packed() }
    return order.part(0..<count, axis).packed()
  }
}

extension TracedOperation {
  /// Where the first elements in order are; all of them without a count.
  fileprivate static func order(_ axis: Int, largest: Bool, count: Int?) -> TracedOperation {
    let settings: [String: Setting] = ["axis": .int(axis), "largest": .int(largest ? 1 : 0)]
    return TracedOperation("Order", settings.merging(count.map { ["count": .int($0)] } ?? [:]) { $1 })
  }
}

/// The positions of the last axis' elements in order.
private struct OrderRows: TypedAction {
  let rows: Tensor
  let descending: Bool

  func run<T: Element>(_ type: T.Type) throws -> Tensor {
    let result = try Tensor(uninitialized: rows.shape, .int64)
    let (source, target) = (try rows.pointer(T.self), try result.pointer(Int64.self))
    let count = rows.shape.last ?? 1
    for start in stride(from: 0, to: rows.elementCount, by: Swift.max(count, 1)) {
      let values = source + start
      let order = (0..<count).sorted { first, second in
        let (a, b) = (values[first], values[second])
        if Self.isBefore(a, b) { return !descending }
        return Self.isBefore(b, a) ? descending : first < second
      }
      for (place, position) in order.enumerated() { target[start + place] = Int64(position) }
    }
    return result
  }

  @inline(__always)
  private static func isBefore<T: Element>(_ left: T, _ right: T) -> Bool {
    T.isLess(left, right) || left == left && right != right
  }
}
