/// What operators ask of whoever computes: kernels on float32 in memory without gaps. A backend is a small value; an
/// operator gets the one of its scope by `KernelOptions.current.kernels` and keeps it for its derivative.
///
/// What is not here is the same for every backend: loops over strided elements of any type, sums and maxima of rows
/// (`Loops/`). They are plain Swift that states its order of additions, so their bits are the same on any processor, and
/// most serve types for which no library has kernels.
///
/// `Backends/Native` is what computes unless told otherwise, and defines its bits; `Backends/OneDNN` is Intel's library;
/// `Backends/Reference` are the naive loops in double precision. Adding one: a folder under `Backends/`,
/// a name in `BackendName`, a line in `KernelOptions.kernels`.
public protocol Backend: Sendable {
  /// In which numbers convolutions multiply, and with them dense layers.
  var precision: Precision { get }
  /// Kernels of images that lie as bf16, if networks are to store theirs so.
  var halves: HalfKernels? { get }

  /// `result = left · right + (accumulating ? result : 0)`, with `left` `[rows, inner]`, `right` `[inner, columns]` and
  /// `result` `[rows, columns]`, row-major and without gaps.
  func multiply(
    rows: Int, columns: Int, inner: Int, _ left: MatrixOperand, _ right: MatrixOperand, into result: Floats,
    accumulating: Bool) throws

  /// Calls `body` with a right factor as this backend's products like it best, for so many `uses`.
  func withFactor<Outcome>(
    _ factor: MatrixFactor, uses: Int, _ body: (MatrixFactor) throws -> Outcome
  ) throws -> Outcome
  /// The product with a factor that may be packed; otherwise as above.
  func multiply(
    rows: Int, _ left: MatrixOperand, _ factor: MatrixFactor, into result: Floats, accumulating: Bool) throws

  /// `result = matrixᵀ`, of a row-major `[rows, columns]` without gaps, into other memory.
  func transpose(rows: Int, columns: Int, _ matrix: ConstantFloats, into result: Floats) throws

  /// `result[i] = f(input[i])`; both may be the same memory.
  func apply(_ activation: Activation, _ input: ConstantFloats, into result: Floats, count: Int) throws

  /// `output = input ∗ weights + bias`, and `max(0, ·)` of it where a ReLU follows. Weights lie row-major.
  func convolve(
    _ shape: ConvolutionShape, input: ConstantFloats, weights: Weights, bias: ConstantFloats?, output: Floats,
    thenReLU: Bool) throws
  /// The gradient with respect to the input.
  func convolutionInputGradient(
    _ shape: ConvolutionShape, outputGradient: ConstantFloats, weights: Weights, inputGradient: Floats) throws
  /// The gradients with respect to weights and bias.
  func convolutionWeightsGradient(
    _ shape: ConvolutionShape, input: ConstantFloats, outputGradient: ConstantFloats, weightsGradient: Floats,
    biasGradient: Floats?) throws

  /// `output[window] = maximum or mean of input[window]`; a NaN is the maximum. `workspace` remembers where each maximum was.
  func pool(
    _ pooling: Pooling, _ shape: PoolingShape, input: ConstantFloats, output: Floats,
    workspace: UnsafeMutableRawPointer) throws
  /// The gradient with respect to the input; a maximum's goes to the first of equal ones, or the last NaN.
  func poolingGradient(
    _ pooling: Pooling, _ shape: PoolingShape, outputGradient: ConstantFloats, inputGradient: Floats,
    workspace: UnsafeMutableRawPointer) throws
  /// How many bytes of workspace `pool` fills for `poolingGradient`.
  func poolingWorkspaceByteCount(_ pooling: Pooling, _ shape: PoolingShape) throws -> Int

  /// Mean and sum of squared deviations of each channel.
  func moments(_ batch: NormalizedBatch, _ input: ConstantFloats) -> (mean: [Double], deviations: [Double])
  /// `output = input · scale + shift` per channel, and `max(0, ·)` of it where a ReLU follows.
  func normalize(_ batch: NormalizedBatch, _ input: ConstantFloats, _ affine: ChannelAffine, output: Floats)
  /// Per channel, the sum of the output's gradient, and of its products with `input - mean`. Where a ReLU followed, only
  /// what passed it counts, told by `input · scale + shift`.
  func normalizationSums(
    _ batch: NormalizedBatch, _ input: ConstantFloats, _ gradient: ConstantFloats, mean: [Float],
    _ affine: ChannelAffine
  ) -> (gradient: [Double], product: [Double])
  /// `result = gradient · a + input · b + c` per channel, of what passed the ReLU where one followed.
  func normalizationGradient(
    _ batch: NormalizedBatch, _ input: ConstantFloats, _ gradient: ConstantFloats, a: [Float], b: [Float], c: [Float],
    _ affine: ChannelAffine, result: Floats)

  /// All steps of a recurrence.
  ///
  /// - Parameters:
  ///   - recurrence: the cell and the sizes.
  ///   - inputs: weights, and the state before the first step.
  ///   - gates: the inputs' share with its bias; overwritten.
  ///   - outputs: `[steps, batch, hidden]`, the hidden states.
  ///   - cells: `[batch, hidden]`, an LSTM's last cell state.
  ///   - memory: `memoryCount` elements for the gradient.
  func recur(
    _ recurrence: Recurrence, _ inputs: Recurrence.Inputs, gates: Floats, outputs: Floats, cells: Floats?,
    memory: Floats) throws
  /// The derivatives, from those of the outputs and of an LSTM's last cell state.
  func recurrenceGradient(
    _ recurrence: Recurrence, _ inputs: Recurrence.Inputs, outputs: ConstantFloats, memory: ConstantFloats,
    ofOutputs: ConstantFloats, ofCell: ConstantFloats?, into result: Recurrence.Derivatives) throws

  /// Scaled dot-product attention.
  func attend(_ shape: Attention, _ inputs: Attention.Inputs, into outputs: Attention.Outputs)
  /// The derivatives of queries, keys and values, from what `attend` came to and the output's gradient.
  func attentionGradient(
    _ shape: Attention, _ inputs: Attention.Inputs, _ outputs: Attention.Outputs, outputGradient: Attention.Heads,
    into derivatives: Attention.Derivatives)
}

/// Memory that a kernel writes to.
public typealias Floats = UnsafeMutablePointer<Float>
/// Memory that a kernel reads.
public typealias ConstantFloats = UnsafePointer<Float>

/// Where a backend has no kernels of its own for these: plain loops, and steps made of its products and activations.
extension Backend {
  public var halves: HalfKernels? { nil }

  /// A kernel that takes operands as they lie turns a transposed factor anew in each product, which with few rows takes a
  /// third of its time (16 × 1024 × 256: 115 µs against 76); several uses turn it once.
  public func withFactor<Outcome>(
    _ factor: MatrixFactor, uses: Int, _ body: (MatrixFactor) throws -> Outcome
  ) throws -> Outcome {
    if uses < 4 || !factor.operand.isTransposed { return try body(factor) }
    let turned = Floats.allocate(capacity: max(factor.inner * factor.columns, 1))
    defer { turned.deallocate() }
    try KernelMeters.within(.packing) {
      try transpose(rows: factor.columns, columns: factor.inner, factor.operand.data, into: turned)
    }
    let operand = MatrixOperand(turned, isTransposed: false, rowStride: factor.columns)
    return try body(MatrixFactor(operand, inner: factor.inner, columns: factor.columns))
  }

  public func multiply(
    rows: Int, _ left: MatrixOperand, _ factor: MatrixFactor, into result: Floats, accumulating: Bool
  ) throws {
    try multiply(
      rows: rows, columns: factor.columns, inner: factor.inner, left, factor.operand, into: result,
      accumulating: accumulating)
  }

  public func moments(_ batch: NormalizedBatch, _ input: ConstantFloats) -> (mean: [Double], deviations: [Double]) {
    ChannelLoops(batch).moments(input)
  }

  public func normalize(_ batch: NormalizedBatch, _ input: ConstantFloats, _ affine: ChannelAffine, output: Floats) {
    ChannelLoops(batch).apply(input, affine, output: output)
  }

  public func normalizationSums(
    _ batch: NormalizedBatch, _ input: ConstantFloats, _ gradient: ConstantFloats, mean: [Float],
    _ affine: ChannelAffine
  ) -> (gradient: [Double], product: [Double]) {
    ChannelLoops(batch).gradientSums(input, gradient, mean: mean, relu: affine)
  }

  public func normalizationGradient(
    _ batch: NormalizedBatch, _ input: ConstantFloats, _ gradient: ConstantFloats, a: [Float], b: [Float], c: [Float],
    _ affine: ChannelAffine, result: Floats
  ) {
    ChannelLoops(batch).inputGradient(input, gradient, a: a, b: b, c: c, relu: affine, result: result)
  }

  public func recur(
    _ recurrence: Recurrence, _ inputs: Recurrence.Inputs, gates: Floats, outputs: Floats, cells: Floats?,
    memory: Floats
  ) throws {
    try RecurrentSteps(recurrence, self).forward(inputs, gates: gates, outputs: outputs, cells: cells, memory: memory)
  }

  public func recurrenceGradient(
    _ recurrence: Recurrence, _ inputs: Recurrence.Inputs, outputs: ConstantFloats, memory: ConstantFloats,
    ofOutputs: ConstantFloats, ofCell: ConstantFloats?, into result: Recurrence.Derivatives
  ) throws {
    try RecurrentSteps(recurrence, self).backward(
      inputs, outputs: outputs, memory: memory, ofOutputs: ofOutputs, ofCell: ofCell, into: result)
  }

  /// The native kernels: no library has attention in blocks for every shape.
  public func attend(_ shape: Attention, _ inputs: Attention.Inputs, into outputs: Attention.Outputs) {
    Native().attend(shape, inputs, into: outputs)
  }

  public func attentionGradient(
    _ shape: Attention, _ inputs: Attention.Inputs, _ outputs: Attention.Outputs, outputGradient: Attention.Heads,
    into derivatives: Attention.Derivatives
  ) {
    Native().attentionGradient(shape, inputs, outputs, outputGradient: outputGradient, into: derivatives)
  }
}
