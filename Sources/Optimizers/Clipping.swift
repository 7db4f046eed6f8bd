import Kernels
import Tensors

/// Scales all gradients down together so that their common norm is at most `limit`; returns the norm before.
@discardableResult
public func clipGradients(_ parameters: [Tensor], norm limit: Double) throws -> Double {
  let norm = try gradientNorm(of: parameters)
  // The small term is PyTorch's, which keeps a norm of zero from dividing.
  let scale = limit / (norm + 1e-6)
  if scale < 1 {
    for parameter in parameters {
      guard let gradient = parameter.gradient else { continue }
      try gradient.dtype == .float64 ? scaleDown(gradient, scale) : scaleDown(gradient, Float(scale))
    }
  }
  return norm
}

private func scaleDown<T: FloatElement>(_ gradient: Tensor, _ scale: T) throws {
  try gradient.withElements(as: T.self, reading: gradient) { count, values, _, _ in
    for i in 0..<count { values[i] *= scale }
  }
}

/// The norm of all gradients together.
public func gradientNorm(of parameters: [Tensor]) throws -> Double {
  try parameters.reduce(0) { sum, parameter in
    guard let gradient = parameter.gradient else { return sum }
    if gradient.dtype == .float64 {
      return try sum + gradient.withRowMajor { sumOfSquares($0) { SIMD8<Double>(at: $0) } }
    }
    return try sum + gradient.withRowMajor { sumOfSquares($0) { SIMD8<Double>(SIMD8<Float>(at: $0)) } }
  }.squareRoot()
}

/// In eight partial sums, so that one addition need not wait for the one before.
@inline(__always)
private func sumOfSquares<T: FloatElement>(
  _ values: UnsafeBufferPointer<T>, eight: (UnsafePointer<T>) -> SIMD8<Double>
) -> Double {
  guard let first = values.baseAddress else { return 0 }
  let whole = values.count & ~7
  var partial = SIMD8<Double>(repeating: 0)
  for start in stride(from: 0, to: whole, by: 8) {
    let eight = eight(first + start)
    partial += eight * eight
  }
  return partial.sum() + values[whole...].reduce(0) { $0 + Double($1) * Double($1) }
}
