/// The native kernels, but convolutions and products by what measures fastest on this machine. Its bits are those of whichever
/// kernels these are.
///
/// Without a plan it computes as the native kernels do, and so it does what is not worth a choice.
struct Tuned: Backend {
  private let options: KernelOptions
  private let native: Native

  init(_ options: KernelOptions) { (self.options, native) = (options, Native(options)) }

  var precision: Precision { .float32 }

  private func kernels(_ kind: KernelProblem.Kind, _ shape: ConvolutionShape) -> any Backend {
    guard let plans = options.plans, shape.batch > 0 else { return native }
    let choice = plans.choice(for: KernelProblem(kind, shape, options.convolution), batch: shape.batch)
    return choice?.backend(options) ?? native
  }

  func convolve(
    _ shape: ConvolutionShape, input: ConstantFloats, weights: Weights, bias: ConstantFloats?, output: Floats,
    thenReLU: Bool
  ) throws {
    try kernels(.forward, shape)
      .convolve(shape, input: input, weights: weights, bias: bias, output: output, thenReLU: thenReLU)
  }

  func convolutionInputGradient(
    _ shape: ConvolutionShape, outputGradient: ConstantFloats, weights: Weights, inputGradient: Floats
  ) throws {
    try kernels(.inputGradient, shape)
      .convolutionInputGradient(
        shape, outputGradient: outputGradient, weights: weights, inputGradient: inputGradient)
  }

  func convolutionWeightsGradient(
    _ shape: ConvolutionShape, input: ConstantFloats, outputGradient: ConstantFloats, weightsGradient: Floats,
    biasGradient: Floats?
  ) throws {
    try kernels(.weightsGradient, shape)
      .convolutionWeightsGradient(
        shape, input: input, outputGradient: outputGradient, weightsGradient: weightsGradient,
        biasGradient: biasGradient)
  }

  /// Products that take longer than looking up who computes them.
  private static let least = 1 << 18

  func multiply(
    rows: Int, columns: Int, inner: Int, _ left: MatrixOperand, _ right: MatrixOperand, into result: Floats,
    accumulating: Bool
  ) throws {
    var kernels: any Backend = native
    if let plans = options.plans, rows * columns * inner >= Self.least {
      let problem = KernelProblem(rows: rows, columns: columns, inner: inner, left, right)
      kernels = plans.choice(for: problem, batch: 1)?.backend(options) ?? native
    }
    try kernels.multiply(
      rows: rows, columns: columns, inner: inner, left, right, into: result, accumulating: accumulating)
  }

  /// The factor of many products is packed, which the native kernels alone can read.
  func withFactor<Outcome>(
    _ factor: MatrixFactor, uses: Int, _ body: (MatrixFactor) throws -> Outcome
  ) throws -> Outcome {
    try native.withFactor(factor, uses: uses, body)
  }

  func multiply(
    rows: Int, _ left: MatrixOperand, _ factor: MatrixFactor, into result: Floats, accumulating: Bool
  ) throws {
    native.multiply(rows: rows, left, factor, into: result, accumulating: accumulating)
  }

  func transpose(rows: Int, columns: Int, _ matrix: ConstantFloats, into result: Floats) throws {
    try native.transpose(rows: rows, columns: columns, matrix, into: result)
  }

  func apply(_ activation: Activation, _ input: ConstantFloats, into result: Floats, count: Int) throws {
    try native.apply(activation, input, into: result, count: count)
  }

  func pool(
    _ pooling: Pooling, _ shape: PoolingShape, input: ConstantFloats, output: Floats,
    workspace: UnsafeMutableRawPointer
  ) throws {
    try native.pool(pooling, shape, input: input, output: output, workspace: workspace)
  }

  func poolingGradient(
    _ pooling: Pooling, _ shape: PoolingShape, outputGradient: ConstantFloats, inputGradient: Floats,
    workspace: UnsafeMutableRawPointer
  ) throws {
    try native.poolingGradient(
      pooling, shape, outputGradient: outputGradient, inputGradient: inputGradient, workspace: workspace)
  }

  func poolingWorkspaceByteCount(_ pooling: Pooling, _ shape: PoolingShape) throws -> Int {
    try native.poolingWorkspaceByteCount(pooling, shape)
  }
}
