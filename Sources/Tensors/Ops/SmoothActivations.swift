import Kernels

extension Tensor {
  /// `x Φ(x)`, with Φ(x) = ½ (1 + erf(x / √2)) the share of a normal distribution below x; derivative `Φ(x) + x φ(x)`, with the
  /// density φ(x) = exp(-x² / 2) / √(2π). With `approximate` Φ is `½ (1 + tanh(√(2/π) (x + 0.044715 x³)))`, PyTorch's
  /// `approximate="tanh"`. Source: Hendrycks and Gimpel 2016.
  public final func gelu(approximate: Bool = false) -> Tensor {
    smooth(approximate ? .geluTanh : .gelu, approximate ? "GeluTanh" : "Gelu", function: "gelu")
  }

  /// `x / (1 + exp(-x))`; derivative `s (1 + x (1 - s))` with s the sigmoid of x. Source: Elfwing et al. 2017.
  public final func silu() -> Tensor { smooth(.silu, "Silu", function: "silu") }

  private final func smooth(_ activation: SmoothActivation, _ name: String, function: StaticString) -> Tensor {
    attempt(as: nil, floatType) {
      let source = to(floatType).detached().dense()
      let result = try Tensor(uninitialized: source.shape, source.dtype, strides: source.strides)
      let count = source.elementCount
      if source.dtype == .float32 {
        try activation.apply(source.pointer(), into: result.pointer(), count: count)
      } else {
        try WideSmooth(activation, source.pointer(), count).values(into: result.pointer())
      }
      return result.recorded(
        [to(floatType)], needing: source, function: function, as: TracedOperation(name)
      ) { gradient in
        // Elements of both side by side.
        let gradient = gradient.strides == source.strides ? gradient : gradient.copied(strides: source.strides)
        let derivative = try Tensor(uninitialized: source.shape, source.dtype, strides: source.strides)
        if source.dtype == .float32 {
          try activation.applyGradient(source.pointer(), gradient.pointer(), into: derivative.pointer(), count: count)
        } else {
          try WideSmooth(activation, source.pointer(), count).slopes(gradient.pointer(), into: derivative.pointer())
        }
        return [derivative]
      }
    }
  }
}

/// The same of float64, as the formulas have it.
private struct WideSmooth {
  private let activation: SmoothActivation
  private let input: UnsafePointer<Double>
  private let count: Int

  init(_ activation: SmoothActivation, _ input: UnsafePointer<Double>, _ count: Int) {
    (self.activation, self.input, self.count) = (activation, input, count)
  }

  /// √(2/π), and what x³ counts.
  private static let (bend, cube) = ((2 / Double.pi).squareRoot(), 0.044715)

  /// What x is multiplied with: Φ, or the sigmoid.
  private func shares(into result: UnsafeMutablePointer<Double>) {
    for i in 0..<count {
      let x = input[i]
      switch activation {
      case .gelu: result[i] = x * 0.5.squareRoot()
      case .geluTanh: result[i] = Self.bend * (x + Self.cube * x * x * x)
      case .silu: result[i] = x
      }
    }
    switch activation {
    case .gelu: ElementaryFunction.erf.apply(result, into: result, count: count)
    case .geluTanh: ElementaryFunction.tanh.apply(result, into: result, count: count)
    case .silu: return ElementaryFunction.sigmoid.apply(result, into: result, count: count)
    }
    for i in 0..<count { result[i] = 0.5 + 0.5 * result[i] }
  }

  func values(into result: UnsafeMutablePointer<Double>) {
    shares(into: result)
    for i in 0..<count { result[i] *= input[i] }
  }

  func slopes(_ gradient: UnsafePointer<Double>, into result: UnsafeMutablePointer<Double>) {
    shares(into: result)
    for i in 0..<count {
      let (x, share) = (input[i], result[i])
      // The share's own slope.
      let slope =
        switch activation {
        case .gelu: ElementaryFunction.exp.value(-x * x / 2) * Self.bend / 2
        case .geluTanh: 2 * share * (1 - share) * Self.bend * (1 + 3 * Self.cube * x * x)
        case .silu: share * (1 - share)
        }
      result[i] = gradient[i] * (share + x * slope)
    }
  }
}
