import CVectors

/// Functions with the same bits on any processor and beside any C library, whichever backend computes: approximations in
/// fused multiply-adds (`CVectors/Native/functions.h`), of float32 to 1.5 units in the last place, of float64 to 2. Infinities,
/// zeros and numbers without a value give what they do in C.
public enum ElementaryFunction: String, Sendable, CaseIterable {
  /// `eˣ`, and its inverse.
  case exp, log
  /// Between -1 and 1; `1 / (1 + e⁻ˣ)`.
  case tanh, sigmoid
  /// Of angles in radians, however large.
  case sin, cos
  /// The error function, `2/√π ∫ exp(-t²) dt` from 0 to x.
  case erf

  /// `result[i] = f(input[i])`; both may be the same memory.
  public func apply(_ input: ConstantFloats, into result: Floats, count: Int) {
    apply(input, into: result, count: count, by: .inUse)
  }
  /// The same of float64.
  public func apply(_ input: UnsafePointer<Double>, into result: UnsafeMutablePointer<Double>, count: Int) {
    apply(input, into: result, count: count, by: .inUse)
  }
  /// Of a single number.
  public func value(_ x: Double) -> Double {
    var result = x
    withUnsafePointer(to: x) { apply($0, into: &result, count: 1) }
    return result
  }

  func apply(_ input: ConstantFloats, into result: Floats, count: Int, by instructions: InstructionSet) {
    let kernel = instructions.kernels.pointee.apply
    share(count) { kernel(function, input + $0.lowerBound, result + $0.lowerBound, $0.count) }
  }
  func apply(
    _ input: UnsafePointer<Double>, into result: UnsafeMutablePointer<Double>, count: Int,
    by instructions: InstructionSet
  ) {
    let kernel = instructions.kernels.pointee.apply_64
    share(count) { kernel(function, input + $0.lowerBound, result + $0.lowerBound, $0.count) }
  }

  private var function: native_function {
    switch self {
    case .exp: native_exp
    case .log: native_log
    case .tanh: native_tanh
    case .sigmoid: native_sigmoid
    case .sin: native_sin
    case .cos: native_cos
    case .erf: native_erf
    }
  }
}

/// `xʸ`, of float32 as good as exact, of float64 to 1 unit in the last place; as C's `pow` of what is special.
public enum Power {
  /// `result[i]` is `base[i]` to the power of `exponent[i]`; memory may be the same.
  public static func apply(_ base: ConstantFloats, _ exponent: ConstantFloats, into result: Floats, count: Int) {
    apply(base, exponent, into: result, count: count, by: .inUse)
  }
  /// The same of float64.
  public static func apply(
    _ base: UnsafePointer<Double>, _ exponent: UnsafePointer<Double>, into result: UnsafeMutablePointer<Double>,
    count: Int
  ) {
    apply(base, exponent, into: result, count: count, by: .inUse)
  }
  /// Of single numbers.
  public static func value(_ base: Double, _ exponent: Double) -> Double {
    var result = base
    withUnsafePointer(to: base) { base in
      withUnsafePointer(to: exponent) { apply(base, $0, into: &result, count: 1) }
    }
    return result
  }

  static func apply(
    _ base: ConstantFloats, _ exponent: ConstantFloats, into result: Floats, count: Int,
    by instructions: InstructionSet
  ) {
    let kernel = instructions.kernels.pointee.power
    share(count) { kernel(base + $0.lowerBound, exponent + $0.lowerBound, result + $0.lowerBound, $0.count) }
  }
  static func apply(
    _ base: UnsafePointer<Double>, _ exponent: UnsafePointer<Double>, into result: UnsafeMutablePointer<Double>,
    count: Int, by instructions: InstructionSet
  ) {
    let kernel = instructions.kernels.pointee.power_64
    share(count) { kernel(base + $0.lowerBound, exponent + $0.lowerBound, result + $0.lowerBound, $0.count) }
  }
}

/// Elements of a function, among threads where they are many: each takes as long as some twenty products.
private func share(_ count: Int, _ body: (Range<Int>) -> Void) {
  KernelThreads.share(count, inParts: KernelThreads.parts(ofWork: 20, count), multiplesOf: 16, body)
}
