/// A backend's kernels with a meter that is told of each call: what operators get in a meter's scope. The results are the
/// backend's own.
struct MeteredKernels: Backend {
  let base: any Backend
  let meter: any KernelMeter

  var precision: Precision { base.precision }
  /// These tell the meter themselves.
  var halves: HalfKernels? { base.halves }

  private func measured<Result>(_ work: KernelWork, _ body: () throws -> Result) rethrows -> Result {
    meter.begins(work)
    defer { meter.ends() }
    return try body()
  }

  private func measured(_ call: KernelCall, times: Int = 1, _ work: KernelWork, _ body: () throws -> Void) rethrows {
    meter.isAsked(for: call, times: times)
    try measured(work, body)
  }

  private func call(_ shape: ConvolutionShape, _ pass: ConvolutionPass) -> KernelCall {
    var shape = shape
    // Where activations lie is not what is asked for.
    (shape.inLayout, shape.outLayout) = (.channelsLast, .channelsLast)
    return .convolution(shape, pass)
  }

  func multiply(
    rows: Int, columns: Int, inner: Int, _ left: MatrixOperand, _ right: MatrixOperand, into result: Floats,
    accumulating: Bool
  ) throws {
    try measured(.product(.init(rows: rows, columns: columns, inner: inner, left, right)), .product) {
      try base.multiply(
        rows: rows, columns: columns, inner: inner, left, right, into: result, accumulating: accumulating)
    }
  }

  func withFactor<Outcome>(
    _ factor: MatrixFactor, uses: Int, _ body: (MatrixFactor) throws -> Outcome
  ) throws -> Outcome { try base.withFactor(factor, uses: uses, body) }

  func multiply(
    rows: Int, _ left: MatrixOperand, _ factor: MatrixFactor, into result: Floats, accumulating: Bool
  ) throws {
    var product = MatrixProduct(rows: rows, columns: factor.columns, inner: factor.inner, left, factor.operand)
    product.hasKeptFactor = true
    try measured(.product(product), .product) {
      try base.multiply(rows: rows, left, factor, into: result, accumulating: accumulating)
    }
  }

  /// The tree's products, measured as one: the meter hears nothing of the threads that share them. Such gradients may be computed when
  /// the meter's scope is over.
  func compute(_ tree: ProductTree, rows: Int, columns: Int, into result: Floats) throws {
    for call in tree.calls(rows: rows, columns: columns) { meter.isAsked(for: call, times: 1) }
    try measured(.product) { try tree.compute(rows: rows, columns: columns, into: result, by: base) }
  }

  func transpose(rows: Int, columns: Int, _ matrix: ConstantFloats, into result: Floats) throws {
    try measured(.packing) { try base.transpose(rows: rows, columns: columns, matrix, into: result) }
  }

  func apply(_ activation: Activation, _ input: ConstantFloats, into result: Floats, count: Int) throws {
    try measured(.activation) { try base.apply(activation, input, into: result, count: count) }
  }

  func convolve(
    _ shape: ConvolutionShape, input: ConstantFloats, weights: Weights, bias: ConstantFloats?, output: Floats,
    thenReLU: Bool
  ) throws {
    try measured(call(shape, .forward), .convolution) {
      try base.convolve(shape, input: input, weights: weights, bias: bias, output: output, thenReLU: thenReLU)
    }
  }

  func convolutionInputGradient(
    _ shape: ConvolutionShape, outputGradient: ConstantFloats, weights: Weights, inputGradient: Floats
  ) throws {
    try measured(call(shape, .inputGradient), .convolution) {
      try base.convolutionInputGradient(
        shape, outputGradient: outputGradient, weights: weights, inputGradient: inputGradient)
    }
  }

  func convolutionWeightsGradient(
    _ shape: ConvolutionShape, input: ConstantFloats, outputGradient: ConstantFloats, weightsGradient: Floats,
    biasGradient: Floats?
  ) throws {
    try measured(call(shape, .weightsGradient), .convolution) {
      try base.convolutionWeightsGradient(
        shape, input: input, outputGradient: outputGradient, weightsGradient: weightsGradient,
        biasGradient: biasGradient)
    }
  }

  func pool(
    _ pooling: Pooling, _ shape: PoolingShape, input: ConstantFloats, output: Floats,
    workspace: UnsafeMutableRawPointer
  ) throws {
    try measured(.pooling) { try base.pool(pooling, shape, input: input, output: output, workspace: workspace) }
  }

  func poolingGradient(
    _ pooling: Pooling, _ shape: PoolingShape, outputGradient: ConstantFloats, inputGradient: Floats,
    workspace: UnsafeMutableRawPointer
  ) throws {
    try measured(.pooling) {
      try base.poolingGradient(
        pooling, shape, outputGradient: outputGradient, inputGradient: inputGradient, workspace: workspace)
    }
  }

  func poolingWorkspaceByteCount(_ pooling: Pooling, _ shape: PoolingShape) throws -> Int {
    try base.poolingWorkspaceByteCount(pooling, shape)
  }

  func moments(_ batch: NormalizedBatch, _ input: ConstantFloats) -> (mean: [Double], deviations: [Double]) {
    measured(.normalization) { base.moments(batch, input) }
  }

  func normalize(_ batch: NormalizedBatch, _ input: ConstantFloats, _ affine: ChannelAffine, output: Floats) {
    measured(.normalization) { base.normalize(batch, input, affine, output: output) }
  }

  func normalizationSums(
    _ batch: NormalizedBatch, _ input: ConstantFloats, _ gradient: ConstantFloats, mean: [Float],
    _ affine: ChannelAffine
  ) -> (gradient: [Double], product: [Double]) {
    measured(.normalization) { base.normalizationSums(batch, input, gradient, mean: mean, affine) }
  }

  func normalizationGradient(
    _ batch: NormalizedBatch, _ input: ConstantFloats, _ gradient: ConstantFloats, a: [Float], b: [Float], c: [Float],
    _ affine: ChannelAffine, result: Floats
  ) {
    measured(.normalization) {
      base.normalizationGradient(batch, input, gradient, a: a, b: b, c: c, affine, result: result)
    }
  }

  func recur(
    _ recurrence: Recurrence, _ inputs: Recurrence.Inputs, gates: Floats, outputs: Floats, cells: Floats?,
    memory: Floats
  ) throws {
    let call = recurrence.stepProduct(isGradient: false)
    try measured(call, times: recurrence.stepProductCount(inputs), .gates) {
      try base.recur(recurrence, inputs, gates: gates, outputs: outputs, cells: cells, memory: memory)
    }
  }

  func recurrenceGradient(
    _ recurrence: Recurrence, _ inputs: Recurrence.Inputs, outputs: ConstantFloats, memory: ConstantFloats,
    ofOutputs: ConstantFloats, ofCell: ConstantFloats?, into result: Recurrence.Derivatives
  ) throws {
    let call = recurrence.stepProduct(isGradient: true)
    try measured(call, times: recurrence.stepProductCount(inputs), .gates) {
      try base.recurrenceGradient(
        recurrence, inputs, outputs: outputs, memory: memory, ofOutputs: ofOutputs, ofCell: ofCell, into: result)
    }
  }

  func attend(_ shape: Attention, _ inputs: Attention.Inputs, into outputs: Attention.Outputs) {
    measured(.attention(.init(shape, limits: inputs.limits, isGradient: false)), .attention) {
      base.attend(shape, inputs, into: outputs)
    }
  }

  func attentionGradient(
    _ shape: Attention, _ inputs: Attention.Inputs, _ outputs: Attention.Outputs, outputGradient: Attention.Heads,
    into derivatives: Attention.Derivatives
  ) {
    measured(.attention(.init(shape, limits: inputs.limits, isGradient: true)), .attention) {
      base.attentionGradient(shape, inputs, outputs, outputGradient: outputGradient, into: derivatives)
    }
  }
}
