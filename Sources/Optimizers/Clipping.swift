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
      try parameter.gradient?.withFloats { values in
        for i in values.indices { values[i] *= Float(scale) }
      }
    }
  }
  return norm
}

/// The norm of all gradients together.
public func gradientNorm(of parameters: [Tensor]) throws -> Double {
  try parameters.reduce(0) { try $0 + ($1.gradient?.withFloats(sumOfSquares) ?? 0) }.squareRoot()
}

/// In eight partial sums, so that one addition need not wait for the one before.
private func sumOfSquares(_ values: UnsafeMutableBufferPointer<Float>) -> Double {
  guard let first = values.baseAddress else { return 0 }
  let whole = values.count & ~7
  var partial = SIMD8<Double>(repeating: 0)
  for start in stride(from: 0, to: whole, by: 8) {
    let eight = SIMD8<Double>(SIMD8<Float>(at: first + start))
    partial += eight * eight
  }
  return partial.sum() + values[whole...].reduce(0) { $0 + Double($1) * Double($1) }
}
