import Glibc
import Kernels

// Functions of single elements. Integer tensors are taken as float32. A result lies in memory like its argument.

extension Tensor {
  /// `exp x`; derivative `exp x`.
  public final func exp() throws -> Tensor {
    let y = try vectorized(.exp) { Glibc.exp($0) }
    let kept = y.detached()
    return y.recorded([self]) { [try $0 * kept] }
  }

  /// `ln x`; derivative `1 / x`.
  public final func log() throws -> Tensor {
    try mapped({ Glibc.logf($0) }, { Glibc.log($0) }).recorded([self]) { [try $0 / self] }
  }

  /// `√x`; derivative `1 / (2 √x)`.
  public final func sqrt() throws -> Tensor {
    try mapped({ $0.squareRoot() }, { $0.squareRoot() }).recorded([self]) { [try $0 / (2 * self.sqrt())] }
  }

  /// `xᵉ`; derivative `e xᵉ⁻¹`.
  public final func pow(_ exponent: Double) throws -> Tensor {
    if exponent == 2 { return try mapped({ $0 * $0 }, { $0 * $0 }).recorded([self]) { [try $0 * self * 2] } }
    return try mapped({ Glibc.powf($0, Float(exponent)) }, { Glibc.pow($0, exponent) }).recorded([self]) {
      [exponent == 0 ? try $0 * 0 : try $0 * self.pow(exponent - 1) * exponent]
    }
  }

  /// `xᵉ` of each broadcast pair; derivatives `e xᵉ⁻¹` and `xᵉ ln x`, where 0 to any power counts as constant in e.
  public final func pow(_ exponent: Tensor) throws -> Tensor {
    let dtype = Swift.max(self.dtype, exponent.dtype, DType.float32)
    let (x, e) = (try to(dtype), try exponent.to(dtype))
    let y = try x.paired(e, "pow", { Glibc.powf($0, $1) }, { Glibc.pow($0, $1) })
    let kept = y.detached()
    return y.recorded([x, e]) { gradient in
      var derivatives: [Tensor?] = [nil, nil]
      if x.tracksGradient {
        let slope = try x.paired(
          e, "pow", { $1 == 0 ? 0 : $1 * Glibc.powf($0, $1 - 1) }, { $1 == 0 ? 0 : $1 * Glibc.pow($0, $1 - 1) })
        derivatives[0] = try x.unbroadcast(gradient * slope)
      }
      if e.tracksGradient {
        let slope = try x.paired(
          kept, "pow", { $0 == 0 ? 0 : $1 * Glibc.logf($0) }, { $0 == 0 ? 0 : $1 * Glibc.log($0) })
        derivatives[1] = try e.unbroadcast(gradient * slope)
      }
      return derivatives
    }
  }

  /// `|x|`; derivative the sign of x, 0 at 0.
  public final func abs() throws -> Tensor {
    try mapped({ Swift.abs($0) }, { Swift.abs($0) }).recorded([self]) { [try $0 * self.sign()] }
  }

  /// -1, 0 or 1; no gradient.
  public final func sign() throws -> Tensor {
    try mapped({ $0 > 0 ? 1 : $0 < 0 ? -1 : 0 }, { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 })
  }

  /// `sin x`; derivative `cos x`.
  public final func sin() throws -> Tensor {
    try mapped({ Glibc.sinf($0) }, { Glibc.sin($0) }).recorded([self]) { [try $0 * self.cos()] }
  }

  /// `cos x`; derivative `-sin x`.
  public final func cos() throws -> Tensor {
    try mapped({ Glibc.cosf($0) }, { Glibc.cos($0) }).recorded([self]) { [try -($0 * self.sin())] }
  }

  /// `tanh x`; derivative `1 - y²`.
  public final func tanh() throws -> Tensor {
    let y = try vectorized(.tanh) { Glibc.tanh($0) }
    let kept = y.detached()
    return y.recorded([self]) { [try $0.paired(kept, "tanh", { $0 * (1 - $1 * $1) }, { $0 * (1 - $1 * $1) })] }
  }

  /// `1 / (1 + exp(-x))`; derivative `y (1 - y)`.
  public final func sigmoid() throws -> Tensor {
    let y = try vectorized(.sigmoid) { 1 / (1 + Glibc.exp(-$0)) }
    let kept = y.detached()
    return y.recorded([self]) { [try $0.paired(kept, "sigmoid", { $0 * $1 * (1 - $1) }, { $0 * $1 * (1 - $1) })] }
  }

  /// `max(x, 0)`; derivative 1 where x > 0, else 0. NaN stays NaN.
  public final func relu() throws -> Tensor {
    let y = try mapped({ $0 < 0 ? 0 : $0 }, { $0 < 0 ? 0 : $0 })
    let kept = y.detached()
    return y.recorded([self]) { [try $0.passing(kept)] }
  }

  /// This gradient where a ReLU's output was above zero, else 0. Not recorded.
  final func passing(_ output: Tensor) throws -> Tensor {
    try paired(output, "relu", { $1 > 0 ? $0 : 0 }, { $1 > 0 ? $0 : 0 })
  }

  /// x cut to `low…high`, either of which may be infinite; derivative 1 inside, 0 outside.
  public final func clamped(_ low: Double, _ high: Double) throws -> Tensor {
    try mapped({ Swift.min(Swift.max($0, Float(low)), Float(high)) }, { Swift.min(Swift.max($0, low), high) })
      .recorded([self]) { gradient in
        [try gradient * (self >= low).to(gradient.dtype) * (self <= high).to(gradient.dtype)]
      }
  }
}

extension Tensor {
  /// A function of each element, once per float type. Not recorded.
  @inline(__always)
  final func mapped(_ float: (Float) -> Float, _ double: (Double) -> Double) throws -> Tensor {
    let source = try to(Swift.max(dtype, .float32)).dense()
    let result = try Tensor(uninitialized: source.shape, source.dtype, strides: source.strides)
    if source.dtype == .float64 {
      let (from, to) = (source.pointer(Double.self), result.pointer(Double.self))
      for i in 0..<source.elementCount { to[i] = double(from[i]) }
    } else {
      let (from, to) = (source.pointer(Float.self), result.pointer(Float.self))
      for i in 0..<source.elementCount { to[i] = float(from[i]) }
    }
    return result
  }

  /// A function that oneDNN vectorises for float32. Not recorded.
  private final func vectorized(_ kernel: Activation, _ double: (Double) -> Double) throws -> Tensor {
    let source = try to(Swift.max(dtype, .float32)).dense()
    if source.dtype == .float64 { return try source.mapped({ $0 }, double) }
    let result = try Tensor(uninitialized: source.shape, source.dtype, strides: source.strides)
    try kernel.apply(source.pointer(), into: result.pointer(), count: source.elementCount)
    return result
  }

  /// This tensor where it has no gaps, else a row-major copy.
  final func dense() throws -> Tensor { isDense ? self : try packed() }
}
