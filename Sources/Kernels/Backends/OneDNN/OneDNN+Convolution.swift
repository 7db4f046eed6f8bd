import CDNNL

/// Convolutions with plain weights `[out, in, height, width]`, reordered here into the layouts that the kernels like.
extension OneDNN {
  public func convolve(
    _ shape: ConvolutionShape, input: ConstantFloats, weights: Weights, bias: ConstantFloats?, output: Floats,
    thenReLU: Bool
  ) throws {
    if shape.batch == 0 { return }
    let pass = thenReLU ? ConvolutionPlan.Pass.forwardThenReLU : .forward
    if let fold = ColumnFold(shape) {
      return try fold.withFolded(weights.data, bias) { weights, bias in
        try run(pass, fold.folded, input: input, weights: weights, bias: bias, output: output)
      }
    }
    try run(pass, shape, input: input, weights: weights.data, bias: bias, output: output)
  }

  public func convolutionInputGradient(
    _ shape: ConvolutionShape, outputGradient: ConstantFloats, weights: Weights, inputGradient: Floats
  ) throws {
    if shape.batch == 0 { return }
    try run(.inputGradient, shape, input: inputGradient, weights: weights.data, bias: nil, output: outputGradient)
  }

  public func convolutionWeightsGradient(
    _ shape: ConvolutionShape, input: ConstantFloats, outputGradient: ConstantFloats, weightsGradient: Floats,
    biasGradient: Floats?
  ) throws {
    if shape.batch == 0 { return }
    if let fold = ColumnFold(shape) {
      return try fold.unfolding(weightsGradient, biasGradient) { weights, bias in
        try run(.weightsGradient, fold.folded, input: input, weights: weights, bias: bias, output: outputGradient)
      }
    }
    try run(
      .weightsGradient, shape, input: input, weights: weightsGradient, bias: biasGradient, output: outputGradient)
  }

  private func run(
    _ pass: ConvolutionPlan.Pass, _ shape: ConvolutionShape, input: ConstantFloats, weights: ConstantFloats,
    bias: ConstantFloats?, output: ConstantFloats
  ) throws {
    let key = ConvolutionPlan.Key(
      shape: shape, pass: pass, hasBias: bias != nil, choice: .init(shape, pass, options),
      precision: options.precision, threads: options.threads)
    let plan = try Self.convolutions.value(for: key) { try ConvolutionPlan.make(key) }
    try plan.run([raw(input), raw(weights), raw(output), bias.map(raw)])
  }

  private func raw(_ buffer: ConstantFloats) -> UnsafeMutableRawPointer { .init(mutating: buffer) }

  private static let convolutions = PrimitiveCache<ConvolutionPlan.Key, ConvolutionPlan>()
}
