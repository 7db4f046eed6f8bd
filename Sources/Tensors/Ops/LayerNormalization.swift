import Kernels

extension Tensor {
  /// `(x - mean) / √(variance + epsilon) · weight + bias`, mean and biased variance over the last axes, those of `shape`: PyTorch's
  /// `layer_norm`. With r = 1 / √(variance + ε), x̂ the normalised input and g' = g · weight, the input's derivative is
  /// `r (g' - mean(g') - x̂ mean(g' x̂))`, the weight's Σ g x̂, the bias' Σ g. Source: Ba, Kiros and Hinton 2016.
  ///
  /// - Parameters:
  ///   - shape: the extents that are normalised together, `[width]` mostly.
  ///   - weight: of that shape; nil for 1.
  ///   - bias: of that shape; nil for 0.
  ///   - epsilon: keeps the divisor from 0.
  public final func layerNorm(
    _ shape: Shape, weight: Tensor? = nil, bias: Tensor? = nil, epsilon: Double = 1e-5
  ) -> Tensor {
    attempt(weight, bias, as: nil, floatType) {
      try normalizedRows(shape, weight, bias, epsilon, isCentred: true, "layer norm")
    }
  }

  /// `x / √(mean(x²) + epsilon) · weight`, the mean over the last axes, those of `shape`. With r the divisor's inverse and
  /// x̂ = x r, the input's derivative is `r (g' - x̂ mean(g' x̂))`, the weight's Σ g x̂. Source: Zhang and Sennrich 2019.
  public final func rmsNorm(_ shape: Shape, weight: Tensor? = nil, epsilon: Double = 1e-5) -> Tensor {
    attempt(weight, as: nil, floatType) {
      try normalizedRows(shape, weight, nil, epsilon, isCentred: false, "RMS norm")
    }
  }

  /// Layer normalisation of the channels in groups: `[batch, channels, …]`, mean and variance over the channels of a group and all
  /// behind them; weight and bias `[channels]`. Source: Wu and He 2018.
  public final func groupNorm(
    _ groups: Int, weight: Tensor? = nil, bias: Tensor? = nil, epsilon: Double = 1e-5
  ) -> Tensor {
    attempt(weight, bias, as: nil, floatType) {
      guard rank >= 2, groups > 0, shape[1] % groups == 0 else {
        throw TensorError(
          "group norm", "\(groups) groups don't divide the channels of shape \(shape): it needs [batch, channels, …]")
      }
      for tensor in [weight, bias] {
        if let tensor, tensor.shape != [shape[1]] {
          throw TensorError("group norm", "weights of shape \(tensor.shape) for \(shape[1]) channels")
        }
      }
      if elementCount == 0 { return to(floatType) }
      let count = elementCount / shape[0] / groups
      let normalized = reshaped([shape[0] * groups, count]).layerNorm([count], epsilon: epsilon).reshaped(shape)
      let ofChannels = Shape([shape[1]] + shape.extents.dropFirst(2).map { _ in 1 })
      let scaled = weight.map { normalized * $0.reshaped(ofChannels) } ?? normalized
      return bias.map { scaled + $0.reshaped(ofChannels) } ?? scaled
    }
  }

  private final func normalizedRows(
    _ last: Shape, _ weight: Tensor?, _ bias: Tensor?, _ epsilon: Double, isCentred: Bool, _ name: String
  ) throws -> Tensor {
    guard last.rank > 0, rank >= last.rank, Array(shape.suffix(last.rank)) == last.extents, last.elementCount > 0 else {
      throw TensorError(name, "over \(last) of an input of shape \(shape)")
    }
    for tensor in [weight, bias] {
      if let tensor, tensor.shape != last || tensor.dtype != floatType {
        throw TensorError(name, "weights \(tensor.dtype) \(tensor.shape) for \(floatType) \(last)")
      }
    }
    if floatType == .float64 || bias != nil && weight == nil {
      return composedRows(last, weight, bias, epsilon, isCentred: isCentred)
    }
    let rows = RowNormalization(
      rows: elementCount / last.elementCount, width: last.elementCount, isCentred: isCentred, epsilon: epsilon)
    let source = to(.float32)
    let (input, scale, shift) = (source.detached().packed(), weight?.detached().packed(), bias?.detached().packed())
    let output = try Tensor(uninitialized: shape, .float32)
    let statistics = try Tensor(uninitialized: [2, rows.rows], .float32)
    try rows.normalize(
      input.pointer(), weight: scale.map { UnsafePointer(try $0.pointer(Float.self)) },
      bias: shift.map { UnsafePointer(try $0.pointer(Float.self)) }, into: output.pointer(),
      statistics: statistics.pointer())
    let (parameters, own) = ([weight, bias].compactMap { $0 }, source.outline)
    return output.recorded(
      [source] + parameters, needing: input, scale, function: isCentred ? "layerNorm" : "rmsNorm",
      as: TracedOperation(
        isCentred ? "LayerNorm" : "RMSNorm", ["axes": .int(last.rank), "epsilon": .float(epsilon)])
    ) { gradient in
      let gradient = gradient.packed()
      var derivatives: [Tensor?] = [nil]
      if own.tracksGradient {
        let derivative = try Tensor(uninitialized: input.shape, .float32)
        try rows.gradient(
          input.pointer(), gradient.pointer(), weight: scale.map { UnsafePointer(try $0.pointer(Float.self)) },
          statistics: statistics.pointer(), into: derivative.pointer())
        derivatives[0] = derivative
      }
      if let weight {
        let (ofWeight, ofBias) = (
          try Tensor(uninitialized: weight.shape, .float32),
          try bias.map { try Tensor(uninitialized: $0.shape, .float32) }
        )
        try rows.parameterGradients(
          input.pointer(), gradient.pointer(), statistics: statistics.pointer(), weight: ofWeight.pointer(),
          bias: ofBias.map { try $0.pointer() })
        derivatives += [ofWeight] + (ofBias.map { [$0] } ?? [])
      }
      return derivatives
    }
  }

  /// Of float64, and of a bias alone.
  private final func composedRows(
    _ last: Shape, _ weight: Tensor?, _ bias: Tensor?, _ epsilon: Double, isCentred: Bool
  ) -> Tensor {
    let axes = Array((rank - last.rank)..<rank)
    let centred = isCentred ? self - mean(axes, keepingAxes: true) : self
    let normalized = centred / (centred.pow(2).mean(axes, keepingAxes: true) + epsilon).sqrt()
    let scaled = weight.map { normalized * $0 } ?? normalized
    return bias.map { scaled + $0 } ?? scaled
  }
}
