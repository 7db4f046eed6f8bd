import CVectors

/// Activations that are smooth everywhere, of float32: one sequence of roundings on every processor
/// (`CVectors/Native/smooth.h`), whichever backend computes.
public enum SmoothActivation: String, Sendable, CaseIterable {
  /// `x Φ(x)`, Φ the normal distribution's share below x. Source: Hendrycks and Gimpel 2016.
  case gelu
  /// The same with `½ (1 + tanh(√(2/π) (x + 0.044715 x³)))` for Φ.
  case geluTanh
  /// `x / (1 + e⁻ˣ)`. Source: Elfwing et al. 2017.
  case silu

  /// `result[i] = f(input[i])`; both may be the same memory.
  public func apply(_ input: ConstantFloats, into result: Floats, count: Int) {
    apply(input, into: result, count: count, by: .inUse)
  }

  /// `result[i] = gradient[i] · f'(input[i])`; memory may be the same.
  public func applyGradient(_ input: ConstantFloats, _ gradient: ConstantFloats, into result: Floats, count: Int) {
    applyGradient(input, gradient, into: result, count: count, by: .inUse)
  }

  func apply(_ input: ConstantFloats, into result: Floats, count: Int, by instructions: InstructionSet) {
    let kernel = instructions.kernels.pointee.smooth
    share(count) { kernel(native, input + $0.lowerBound, result + $0.lowerBound, $0.count) }
  }

  func applyGradient(
    _ input: ConstantFloats, _ gradient: ConstantFloats, into result: Floats, count: Int,
    by instructions: InstructionSet
  ) {
    let kernel = instructions.kernels.pointee.smooth_back
    share(count) {
      kernel(native, input + $0.lowerBound, gradient + $0.lowerBound, result + $0.lowerBound, $0.count)
    }
  }

  /// Each element takes as long as some thirty products.
  private func share(_ count: Int, _ body: (Range<Int>) -> Void) {
    KernelThreads.share(count, inParts: KernelThreads.parts(ofWork: 30, count), multiplesOf: 16, body)
  }

  private var native: native_smooth {
    switch self {
    case .gelu: native_gelu
    case .geluTanh: native_gelu_tanh
    case .silu: native_silu
    }
  }
}
