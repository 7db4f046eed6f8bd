extension Native {
  private var other: OneDNN { OneDNN(KernelOptions(convolution: convolution)) }

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
