import Kernels

// Sums, means and extrema over axes. `axes` nil means all of them; kept axes have extent 1.

extension Tensor {
  /// `Σ x`; derivative 1 for every element. Integers and bool give int64.
  public final func sum(_ axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
    attempt(as: shape.reduced(axes, keepingAxes: keepingAxes), Swift.max(dtype, .int64)) {
      let plan = try Reduction(shape, axes, keepingAxes, "sum")
      let source = to(Swift.max(dtype, .int64))
      let result = try source.dtype.perform(SumAction(source: source.arranged(plan), plan: plan))
      let whole = shape
      return result.recorded([self], as: .reduction("ReduceSum", axes, keepingAxes)) {
        [$0.reshaped(plan.keptShape).expanded(to: whole)]
      }
    }
  }

  /// The sum over these axes, or over all of them; a kept axis has the extent 1.
  public final func sum(_ axis: Int, keepingAxes: Bool = false) -> Tensor {
    sum([axis], keepingAxes: keepingAxes)
  }

  /// `Σ x / n`; derivative 1 / n. Integers give float32.
  public final func mean(_ axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
    attempt(as: shape.reduced(axes, keepingAxes: keepingAxes), floatType) {
      let count = try Reduction(shape, axes, keepingAxes, "mean").count
      return to(floatType).sum(axes, keepingAxes: keepingAxes) / Double(count)
    }
  }

  /// The mean over these axes, or over all of them; a kept axis has the extent 1.
  public final func mean(_ axis: Int, keepingAxes: Bool = false) -> Tensor {
    mean([axis], keepingAxes: keepingAxes)
  }

  /// `√Σ x²`, over all elements or some axes; derivative x / norm, 0 where the norm is.
  public final func norm(_ axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
    attempt(as: shape.reduced(axes, keepingAxes: keepingAxes), floatType) {
      let plan = try Reduction(shape, axes, keepingAxes, "norm")
      let kept = detached().pow(2).sum(axes, keepingAxes: true).sqrt()
      return kept.reshaped(plan.resultShape).detached().recorded(
        [self], needing: self, kept, as: .reduction("ReduceL2", axes, keepingAxes)
      ) { gradient in
        let divisor = kept.chosen(where: kept .!= 0, else: kept.scalar(1))
        return [gradient.reshaped(plan.keptShape) * self / divisor]
      }
    }
  }

  /// The largest element along `axis`, or of all; the derivative goes to the first of equal ones.
  public final func max(_ axis: Int? = nil, keepingAxes: Bool = false) -> Tensor {
    picked(axis, keepingAxes, largest: true)
  }

  /// The smallest element, as `max`.
  public final func min(_ axis: Int? = nil, keepingAxes: Bool = false) -> Tensor {
    picked(axis, keepingAxes, largest: false)
  }

  /// The largest element over several axes, as `max`.
  public final func max(_ axes: [Int], keepingAxes: Bool = false) -> Tensor {
    picked(axes, keepingAxes, "max") { $0.max(-1) }
  }

  /// The smallest element over several axes, as `max`.
  public final func min(_ axes: [Int], keepingAxes: Bool = false) -> Tensor {
    picked(axes, keepingAxes, "min") { $0.min(-1) }
  }

  /// The position of the first largest element along `axis`, or among all in row-major order; int64.
  public final func argmax(_ axis: Int? = nil, keepingAxes: Bool = false) -> Tensor {
    positions(axis, keepingAxes, largest: true)
  }

  /// Where the smallest element is, int64; the first of equal ones.
  public final func argmin(_ axis: Int? = nil, keepingAxes: Bool = false) -> Tensor {
    positions(axis, keepingAxes, largest: false)
  }

  private final func picked(_ axis: Int?, _ keepingAxes: Bool, largest: Bool) -> Tensor {
    attempt(as: shape.reduced(axis.map { [$0] }, keepingAxes: keepingAxes)) {
      guard let axis else {
        let flat = flat().picked(0, false, largest: largest)
        return keepingAxes ? flat.reshaped(Shape([Int](repeating: 1, count: rank))) : flat
      }
      let places = positions(axis, true, largest: largest)
      let kept = gathered(places, axis: axis)
      return keepingAxes ? kept : kept.squeezed(axis)
    }
  }

  /// A vector of all elements, of none too.
  private final func flat() -> Tensor { reshaped([elementCount]) }

  /// `pick` along the last axis, into which the reduced axes were laid flat.
  private final func picked(
    _ axes: [Int], _ keepingAxes: Bool, _ operation: String, _ pick: (Tensor) -> Tensor
  ) -> Tensor {
    attempt(as: shape.reduced(axes, keepingAxes: keepingAxes)) {
      let plan = try Reduction(shape, axes, keepingAxes, operation)
      let reduced = Set(try axes.map { try shape.axis($0, for: operation) })
      let kept = shape.indices.filter { !reduced.contains($0) }
      let flat = permuted(kept + reduced.sorted()).reshaped(Shape(kept.map { shape[$0] } + [plan.count]))
      return pick(flat).reshaped(plan.resultShape)
    }
  }

  private final func positions(_ axis: Int?, _ keepingAxes: Bool, largest: Bool) -> Tensor {
    attempt(as: shape.reduced(axis.map { [$0] }, keepingAxes: keepingAxes), .int64) {
      guard let axis else { return flat().positions(0, false, largest: largest) }
      return try places(axis, keepingAxes, largest: largest)
    }
  }

  private final func places(_ axis: Int, _ keepingAxes: Bool, largest: Bool) throws -> Tensor {
    let plan = try Reduction(shape, [axis], keepingAxes, largest ? "argmax" : "argmin")
    guard plan.count > 0 else {
      throw TensorError(largest ? "max" : "min", "axis \(axis) of shape \(shape) is empty")
    }
    return try dtype.perform(PositionAction(source: arranged(plan), plan: plan, largest: largest))
      .reshaped(plan.resultShape).traced([self], as: .reduction(largest ? "ArgMax" : "ArgMin", [axis], keepingAxes))
  }

  /// The elements as `[outer, count, inner]` in row-major order, the middle axis to be reduced.
  final func arranged(_ plan: Reduction) -> Tensor {
    plan.order.map { self.detached().permuted($0).packed() } ?? packed()
  }
}

extension TracedOperation {
  /// Over some axes, or all of them.
  static func reduction(_ name: String, _ axes: [Int]?, _ keepingAxes: Bool) -> TracedOperation {
    TracedOperation(
      name, ["keepdims": .int(keepingAxes ? 1 : 0)].merging(axes.map { ["axes": .ints($0)] } ?? [:]) { $1 })
  }
}

/// How a reduction over axes becomes one over the middle axis of `[outer, count, inner]`.
struct Reduction {
  var outer = 1
  var count = 1
  var inner = 1
  /// The order of axes that brings the reduced ones together, nil where they are so already.
  var order: [Int]?
  let resultShape, keptShape: Shape

  init(_ shape: Shape, _ axes: [Int]?, _ keepingAxes: Bool, _ operation: String) throws {
    guard let axes else {
      // All axes, without the price of sorting them out.
      count = shape.elementCount
      keptShape = Shape([Int](repeating: 1, count: shape.rank))
      resultShape = keepingAxes ? keptShape : []
      return
    }
    if axes.count == 1 {
      let axis = try shape.axis(axes[0], for: operation)
      var extents = shape.extents
      (outer, count, inner) = (extents[..<axis].reduce(1, *), extents[axis], extents[(axis + 1)...].reduce(1, *))
      extents[axis] = 1
      keptShape = Shape(extents)
      extents.remove(at: axis)
      resultShape = keepingAxes ? keptShape : Shape(extents)
      return
    }
    let reduced = Set(try axes.map { try shape.axis($0, for: operation) })
    let kept = shape.indices.filter { !reduced.contains($0) }
    let sorted = reduced.sorted()
    let isTogether = sorted.isEmpty || sorted.last.map { $0 - sorted[0] + 1 == sorted.count } ?? true
    count = sorted.reduce(1) { $0 * shape[$1] }
    if isTogether, let first = sorted.first {
      outer = shape.extents[..<first].reduce(1, *)
      inner = shape.extents[(first + sorted.count)...].reduce(1, *)
    } else {
      if !sorted.isEmpty { order = kept + sorted }
      outer = kept.reduce(1) { $0 * shape[$1] }
    }
    keptShape = Shape(shape.indices.map { reduced.contains($0) ? 1 : shape[$0] })
    resultShape = keepingAxes ? keptShape : Shape(kept.map { shape[$0] })
  }
}

private struct SumAction: TypedAction {
  let source: Tensor
  let plan: Reduction

  func run<T: Element>(_ type: T.Type) throws -> Tensor {
    let result = try Tensor(uninitialized: plan.resultShape, T.dtype)
    if T.self == Float.self {
      try sum(source.pointer(Float.self), into: result.pointer(Float.self))
    } else if T.self == Double.self {
      try sum(source.pointer(Double.self), into: result.pointer(Double.self))
    } else {
      try Loops.reduce(
        outer: plan.outer, count: plan.count, inner: plan.inner, source.pointer(T.self), into: result.pointer(T.self),
        initial: T.zero
      ) { T.adding($0, $1) }
    }
    return result
  }

  private func sum<T: FloatElement>(_ input: UnsafePointer<T>, into result: UnsafeMutablePointer<T>) {
    if plan.inner == 1 {
      RowSum.sum(rows: plan.outer, count: plan.count, input, into: result)
    } else {
      ColumnSum.sum(outer: plan.outer, count: plan.count, inner: plan.inner, input, into: result)
    }
  }
}

private struct PositionAction: TypedAction {
  let source: Tensor
  let plan: Reduction
  let largest: Bool

  func run<T: Element>(_ type: T.Type) throws -> Tensor {
    var positions = [Int64](repeating: 0, count: plan.outer * plan.inner)
    let values = try source.pointer(T.self)
    for outer in 0..<(plan.inner == 0 ? 0 : plan.outer) {
      for inner in 0..<plan.inner {
        let start = values + outer * plan.count * plan.inner + inner
        var best = start[0]
        for index in 1..<Swift.max(plan.count, 1) where plan.count > 1 {
          let value = start[index * plan.inner]
          // NaN counts as the extreme, so that it can't hide.
          if value != value ? best == best : largest ? T.isLess(best, value) : T.isLess(value, best) {
            best = value
            positions[outer * plan.inner + inner] = Int64(index)
          }
        }
      }
    }
    return Tensor(positions)
  }
}
