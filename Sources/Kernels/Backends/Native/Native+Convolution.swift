import CVectors

extension Native {
  private var other: OneDNN { OneDNN(KernelOptions(convolution: convolution)) }

  public func convolve(
    _ shape: ConvolutionShape, input: ConstantFloats, weights: ConstantFloats, bias: ConstantFloats?, output: Floats,
    thenReLU: Bool
  ) throws {
    try other.convolve(shape, input: input, weights: weights, bias: bias, output: output, thenReLU: thenReLU)
  }

  public func convolutionInputGradient(
    _ shape: ConvolutionShape, outputGradient: ConstantFloats, weights: ConstantFloats, inputGradient: Floats
  ) throws {
    try other.convolutionInputGradient(
      shape, outputGradient: outputGradient, weights: weights, inputGradient: inputGradient)
  }

  public func convolutionWeightsGradient(
    _ shape: ConvolutionShape, input: ConstantFloats, outputGradient: ConstantFloats, weightsGradient: Floats,
    biasGradient: Floats?
  ) throws {
    try other.convolutionWeightsGradient(
      shape, input: input, outputGradient: outputGradient, weightsGradient: weightsGradient, biasGradient: biasGradient)
  }

  public func pool(
    _ pooling: Pooling, _ shape: PoolingShape, input: ConstantFloats, output: Floats,
    workspace: UnsafeMutableRawPointer
  ) throws { try other.pool(pooling, shape, input: input, output: output, workspace: workspace) }

  public func poolingGradient(
    _ pooling: Pooling, _ shape: PoolingShape, outputGradient: ConstantFloats, inputGradient: Floats,
    workspace: UnsafeMutableRawPointer
  ) throws {
    try other.poolingGradient(
      pooling, shape, outputGradient: outputGradient, inputGradient: inputGradient, workspace: workspace)
  }

  public func poolingWorkspaceByteCount(_ pooling: Pooling, _ shape: PoolingShape) throws -> Int {
    try other.poolingWorkspaceByteCount(pooling, shape)
  }
}
