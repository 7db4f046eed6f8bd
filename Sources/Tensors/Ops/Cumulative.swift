extension Tensor {
  /// Running sums along `axis`; the derivative is the running sum of the derivatives from the end. Integers give int64.
  public final func cumulativeSum(_ axis: Int) -> Tensor {
    attempt(as: nil, Swift.max(dtype, .int64)) {
      let plan = try Reduction(shape, [axis], true, "cumulativeSum")
      return try running(plan, .sum).recorded(
        [self], as: TracedOperation("CumSum", ["axis": .int(axis)])
      ) { [try $0.running(plan, .sumFromEnd)] }
    }
  }

  /// Running products along `axis`: PyTorch's `cumprod`. Integers give int64. With g the derivatives, `s = g + x' s'` from the end, a
  /// dash being the next element; the derivative is s times the product of all elements before, exact where some are 0.
  public final func cumulativeProduct(_ axis: Int) -> Tensor {
    attempt(as: nil, Swift.max(dtype, .int64)) {
      let plan = try Reduction(shape, [axis], true, "cumulativeProduct")
      return try running(plan, .product).recorded([self], needing: self) { gradient in
        let derivative = try Tensor(uninitialized: self.shape, self.dtype)
        let action = ProductDerivative(
          source: self.detached().packed(), gradient: gradient.packed(), derivative: derivative, plan: plan)
        try self.dtype.perform(action)
        return [derivative]
      }
    }
  }

  /// Not recorded.
  private final func running(_ plan: Reduction, _ kind: Running.Kind) throws -> Tensor {
    let source = detached().to(Swift.max(dtype, .int64)).packed()
    return try source.dtype.perform(Running(source: source, plan: plan, kind: kind))
  }
}

extension Reduction {
  /// Calls `body` with the places of the elements of each row along the middle axis.
  fileprivate func forEachRow(_ body: (_ start: Int, _ step: Int) -> Void) {
    for row in 0..<(inner == 0 ? 0 : outer) * inner { body(row / inner * count * inner + row % inner, inner) }
  }
}

// Floats are added up and multiplied in float64, as in PyTorch: a long walk of float32 loses what is small.

private struct Running: TypedAction {
  enum Kind { case sum, sumFromEnd, product }

  let source: Tensor
  let plan: Reduction
  let kind: Kind

  func run<T: Element>(_ type: T.Type) throws -> Tensor {
    let result = try Tensor(uninitialized: source.shape, T.dtype)
    let (from, to) = (try source.pointer(T.self), try result.pointer(T.self))
    plan.forEachRow { start, step in
      var (whole, real) = kind == .product ? (T.one, 1.0) : (T.zero, 0.0)
      for index in 0..<plan.count {
        let place = start + (kind == .sumFromEnd ? plan.count - 1 - index : index) * step
        if T.dtype.isFloat {
          real = kind == .product ? real * from[place].asDouble : real + from[place].asDouble
          to[place] = T(converting: real)
        } else {
          whole = kind == .product ? T.multiplying(whole, from[place]) : T.adding(whole, from[place])
          to[place] = whole
        }
      }
    }
    return result
  }
}

private struct ProductDerivative: TypedAction {
  let source, gradient, derivative: Tensor
  let plan: Reduction

  func run<T: Element>(_ type: T.Type) throws {
    let (x, g, to) = (try source.pointer(T.self), try gradient.pointer(T.self), try derivative.pointer(T.self))
    var before = [Double](repeating: 1, count: plan.count)
    plan.forEachRow { start, step in
      for index in before.indices.dropFirst() {
        before[index] = before[index - 1] * x[start + (index - 1) * step].asDouble
      }
      var behind = 0.0
      for index in before.indices.reversed() {
        let place = start + index * step
        behind += g[place].asDouble
        to[place] = T(converting: before[index] * behind)
        behind *= x[place].asDouble
      }
    }
  }
}
