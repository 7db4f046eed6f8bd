import Glibc

extension Activation {
  /// The naive twin of `apply`: the C library's function, in float64.
  public func applyNaively(_ input: UnsafePointer<Float>, into result: UnsafeMutablePointer<Float>, count: Int) {
    for index in 0..<count {
      let x = Double(input[index])
      switch self {
      case .sigmoid: result[index] = Float(1 / (1 + Glibc.exp(-x)))
      case .tanh: result[index] = Float(Glibc.tanh(x))
      case .exp: result[index] = Float(Glibc.exp(x))
      }
    }
  }
}
