import Kernels

// Functions of single elements. Integer tensors are taken as float32, but where the result is whole too. A result lies in
// memory like its argument.

extension Tensor {
  /// `exp x`; derivative `exp x`.
  public final func exp() -> Tensor {
    attempt(as: nil, floatType) {
      let y = try activated(.exp, .exp)
      let kept = y.detached()
      return y.recorded([self], needing: kept, as: TracedOperation("Exp")) { [$0 * kept] }
    }
  }

  /// `ln x`; derivative `1 / x`.
  public final func log() -> Tensor {
    attempt(as: nil, floatType) {
      try mapped(.log).recorded([self], needing: self, as: TracedOperation("Log")) { [$0 / self] }
    }
  }

  /// `√x`; derivative `1 / (2 √x)`.
  public final func sqrt() -> Tensor {
    attempt(as: nil, floatType) {
      try mapped({ $0.squareRoot() }, { $0.squareRoot() }).recorded(
        [self], needing: self, as: TracedOperation("Sqrt")
      ) { [$0 / (2 * self.sqrt())] }
    }
  }

  /// `xᵉ`; derivative `e xᵉ⁻¹`.
  public final func pow(_ exponent: Double) -> Tensor {
    attempt(as: nil, floatType) {
      if exponent == 2 {
        return try mapped({ $0 * $0 }, { $0 * $0 }).recorded(
          [self], needing: self, as: TracedOperation("Pow", ["exponent": 2.0])
        ) { [$0 * self * 2] }
      }
      let source = to(floatType).dense()
      let exponents = try source.mapped({ _ in Float(exponent) }, { _ in exponent })
      return try source.raised(to: exponents).recorded(
        [self], needing: self, as: TracedOperation("Pow", ["exponent": .float(exponent)])
      ) {
        [exponent == 0 ? $0 * 0 : $0 * self.pow(exponent - 1) * exponent]
      }
    }
  }

  /// `xᵉ` of each broadcast pair; derivatives `e xᵉ⁻¹` and `xᵉ ln x`, where 0 to any power counts as constant in e.
  public final func pow(_ exponent: Tensor) -> Tensor {
    attempt(exponent, as: shape.stretched(with: exponent.shape), Swift.max(dtype(with: exponent), .float32)) {
      let dtype = Swift.max(dtype(with: exponent), .float32)
      let (x, e) = (to(dtype), exponent.to(dtype))
      let y = try x.raised(to: e)
      let kept = y.detached()
      return y.recorded([x, e], needing: x, e, kept, as: TracedOperation("Pow")) { gradient in
        var derivatives: [Tensor?] = [nil, nil]
        if x.tracksGradient {
          let lower = try e.mapped({ $0 - 1 }, { $0 - 1 })
          let slope = try x.raised(to: lower).paired(e, "pow", { $1 == 0 ? 0 : $1 * $0 }, { $1 == 0 ? 0 : $1 * $0 })
          derivatives[0] = x.unbroadcast(gradient * slope)
        }
        if e.tracksGradient {
          let slope = try kept.paired(
            x.mapped(.log), "pow", { $0 == 0 ? 0 : $0 * $1 }, { $0 == 0 ? 0 : $0 * $1 })
          derivatives[1] = e.unbroadcast(gradient * slope)
        }
        return derivatives
      }
    }
  }

  /// `|x|`, of integers too; derivative the sign of x, 0 at 0.
  public final func abs() -> Tensor {
    attempt {
      if let whole = try mappedWhole(.absolute) { return whole }
      return try mapped({ Swift.abs($0) }, { Swift.abs($0) }).recorded(
        [self], needing: self, as: TracedOperation("Abs")
      ) { [$0 * self.sign()] }
    }
  }

  /// -1, 0 or 1, of integers too; no gradient.
  public final func sign() -> Tensor {
    attempt {
      if let whole = try mappedWhole(.sign) { return whole }
      return try mapped({ $0 > 0 ? 1 : $0 < 0 ? -1 : 0 }, { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 })
        .traced([self], as: TracedOperation("Sign"))
    }
  }

  /// `sin x`; derivative `cos x`.
  public final func sin() -> Tensor {
    attempt(as: nil, floatType) {
      try mapped(.sin).recorded([self], needing: self, as: TracedOperation("Sin")) { [$0 * self.cos()] }
    }
  }

  /// `cos x`; derivative `-sin x`.
  public final func cos() -> Tensor {
    attempt(as: nil, floatType) {
      try mapped(.cos).recorded([self], needing: self, as: TracedOperation("Cos")) { [-($0 * self.sin())] }
    }
  }

  /// The error function, `2/√π ∫ exp(-t²) dt` from 0 to x; derivative `2/√π exp(-x²)`.
  public final func erf() -> Tensor {
    attempt(as: nil, floatType) {
      try mapped(.erf).recorded([self], needing: self, as: TracedOperation("Erf")) {
        [$0 * (-self.detached().pow(2)).exp() * (2 / Double.pi.squareRoot())]
      }
    }
  }

  /// `tanh x`; derivative `1 - y²`.
  public final func tanh() -> Tensor {
    attempt(as: nil, floatType) {
      let y = try activated(.tanh, .tanh)
      let kept = y.detached()
      return y.recorded([self], needing: kept, as: TracedOperation("Tanh")) {
        [try .past(.tanh, &$0, kept)]
      }
    }
  }

  /// `1 / (1 + exp(-x))`; derivative `y (1 - y)`.
  public final func sigmoid() -> Tensor {
    attempt(as: nil, floatType) {
      let y = try activated(.sigmoid, .sigmoid)
      let kept = y.detached()
      return y.recorded([self], needing: kept, as: TracedOperation("Sigmoid")) {
        [try .past(.sigmoid, &$0, kept)]
      }
    }
  }

  /// `max(x, 0)`, of integers too; derivative 1 where x > 0, else 0. NaN stays NaN.
  public final func relu() -> Tensor {
    do {
      if let joined = try joinedByReLU() { return joined.traced([self], as: TracedOperation("Relu")) }
    } catch {
      return Tensor(fault: error, shape, dtype)
    }
    return attempt {
      if let whole = try mappedWhole(.positive) { return whole }
      let y = try halfCut() ?? mapped({ $0 < 0 ? 0 : $0 }, { $0 < 0 ? 0 : $0 })
      let kept = y.detached()
      return y.recorded([self], needing: kept, as: TracedOperation("Relu")) { [try .past(.relu, &$0, kept)] }
    }
  }

  /// x cut to `low…high`, either of which may be infinite; derivative 1 inside, 0 outside. Integers stay integers unless a
  /// bound is a fraction.
  public final func clamped(_ low: Double, _ high: Double) -> Tensor {
    attempt {
      let areWhole = [low, high].allSatisfy { $0.isInfinite || $0 == $0.rounded() }
      if areWhole, let whole = try mappedWhole(.clamped(low, high)) { return whole }
      return try mapped(
        { Swift.min(Swift.max($0, Float(low)), Float(high)) }, { Swift.min(Swift.max($0, low), high) }
      ).recorded(
        [self], needing: self, as: TracedOperation("Clip", ["min": .float(low), "max": .float(high)])
      ) { gradient in
        [gradient * (self >= low).to(gradient.dtype) * (self <= high).to(gradient.dtype)]
      }
    }
  }
}

extension Tensor {
  /// The type in which functions of floats are computed.
  final var floatType: DType { Swift.max(dtype, .float32) }

  /// A function of each element, once per float type. Not recorded.
  @inline(__always)
  final func mapped(_ float: (Float) -> Float, _ double: (Double) -> Double) throws -> Tensor {
    if isBlocked { return try mappedInBlocks { from, to, count in for i in 0..<count { to[i] = float(from[i]) } } }
    let source = to(floatType).dense()
    let result = try Tensor(uninitialized: source.shape, source.dtype, strides: source.strides)
    if source.dtype == .float64 {
      let (from, to) = (try source.pointer(Double.self), try result.pointer(Double.self))
      for i in 0..<source.elementCount { to[i] = double(from[i]) }
    } else {
      let (from, to) = (try source.pointer(Float.self), try result.pointer(Float.self))
      for i in 0..<source.elementCount { to[i] = float(from[i]) }
    }
    return result
  }

  /// A function that backends have kernels of: theirs of float32, that of every processor of float64. Not recorded.
  private final func activated(_ kernel: Activation, _ function: ElementaryFunction) throws -> Tensor {
    let kernels = KernelOptions.current.kernels
    return try mapped(function) { try kernels.apply(kernel, $0, into: $1, count: $2) }
  }

  /// A function with the same bits on every processor. Not recorded.
  private final func mapped(_ function: ElementaryFunction) throws -> Tensor {
    try mapped(function) { function.apply($0, into: $1, count: $2) }
  }

  private final func mapped(
    _ function: ElementaryFunction,
    _ floats: (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int) throws -> Void
  ) throws -> Tensor {
    if isBlocked { return try mappedInBlocks(floats) }
    let source = to(floatType).dense()
    let result = try Tensor(uninitialized: source.shape, source.dtype, strides: source.strides)
    if source.dtype == .float64 {
      try function.apply(source.pointer(Double.self), into: result.pointer(), count: source.elementCount)
    } else {
      try floats(source.pointer(), result.pointer(), source.elementCount)
    }
    return result
  }

  /// The power of each broadcast pair of float elements of one type. Not recorded.
  private final func raised(to exponent: Tensor) throws -> Tensor {
    let (base, exponent, result) = try BroadcastPair(self, exponent, "pow").alike()
    let count = result.elementCount
    if dtype == .float64 {
      try Power.apply(
        base.pointer(Double.self), exponent.pointer(Double.self), into: result.pointer(Double.self), count: count)
    } else {
      try Power.apply(
        base.pointer(Float.self), exponent.pointer(Float.self), into: result.pointer(Float.self), count: count)
    }
    return result
  }

  /// A function over all of the blocks at once. Not recorded.
  @inline(__always)
  private final func mappedInBlocks(
    _ body: (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int) throws -> Void
  ) throws -> Tensor {
    let result = try Tensor(images: shape, .blocked)
    try body(imageMemory().pointer, result.imageMemory().pointer, blockedCount)
    result.clearPadding()
    return result
  }

  /// A function of each integer, nil for floats and bool.
  private final func mappedWhole(_ function: WholeFunction) throws -> Tensor? {
    if dtype.isFloat || dtype == .bool { return nil }
    return try dtype.perform(MapWhole(source: dense(), function: function))
  }

  /// This tensor where it has no gaps, else a row-major copy.
  final func dense() -> Tensor { isDense ? self : packed() }
}

/// A function that takes integers to integers.
private enum WholeFunction {
  case absolute, sign, positive
  case clamped(Double, Double)
}

private struct MapWhole: TypedAction {
  let source: Tensor
  let function: WholeFunction

  func run<T: Element>(_ type: T.Type) throws -> Tensor {
    let result = try Tensor(uninitialized: source.shape, T.dtype, strides: source.strides)
    let (from, to) = (try source.pointer(T.self), try result.pointer(T.self))
    func map(_ rule: (T) -> T) { for i in 0..<source.elementCount { to[i] = rule(from[i]) } }
    switch function {
    case .absolute: map { T.isLess($0, .zero) ? T.subtracting(.zero, $0) : $0 }
    case .sign: map { T.isLess(.zero, $0) ? .one : T.isLess($0, .zero) ? T.subtracting(.zero, .one) : .zero }
    case .positive: map { T.isLess($0, .zero) ? .zero : $0 }
    case .clamped(let low, let high):
      let (low, high) = (T(converting: low), T(converting: high))
      map { T.isLess(high, $0) ? high : T.isLess($0, low) ? low : $0 }
    }
    return result
  }
}
