import Tensors

/// Scales all gradients down together so that their common norm is at most `limit`; returns the norm before.
@discardableResult
public func clipGradients(_ parameters: [Tensor], norm limit: Double) throws -> Double {
  var squares = 0.0
  for parameter in parameters {
    guard let gradient = parameter.gradient else { continue }
    try gradient.withFloats { values in
      for value in values { squares += Double(value) * Double(value) }
    }
  }
  let norm = squares.squareRoot()
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
