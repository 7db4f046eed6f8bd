import CDNNL

/// Convolutions on channels-last activations and plain weights `[out, in, height, width]`, reordered here into the layouts
/// that the kernels like.
public enum Convolution {
  /// Whether the library and the processor have Winograd kernels: oneDNN 2 and AVX-512.
  public static let hasWinograd = lockstep_dnnl_major() < 3 && lockstep_vector_lanes() == 16

  /// `output = input ∗ weights + bias`, and `max(0, ·)` of it where a ReLU follows.
  public static func forward(
    _ shape: ConvolutionShape, _ options: KernelOptions, input: UnsafePointer<Float>, weights: UnsafePointer<Float>,
    bias: UnsafePointer<Float>?,
    output: UnsafeMutablePointer<Float>, thenReLU: Bool = false
  ) throws {
    if shape.batch == 0 { return }
    let pass = thenReLU ? ConvolutionPlan.Pass.forwardThenReLU : .forward
    if let fold = ColumnFold(shape) {
      return try fold.withFolded(weights, bias) { weights, bias in
        try run(pass, fold.folded, options, input: input, weights: weights, bias: bias, output: output)
      }
    }
    try run(pass, shape, options, input: input, weights: weights, bias: bias, output: output)
  }

  /// The gradient with respect to the input.
  public static func inputGradient(
    _ shape: ConvolutionShape, _ options: KernelOptions, outputGradient: UnsafePointer<Float>,
    weights: UnsafePointer<Float>,
    inputGradient: UnsafeMutablePointer<Float>
  ) throws {
    if shape.batch == 0 { return }
    try run(.inputGradient, shape, options, input: inputGradient, weights: weights, bias: nil, output: outputGradient)
  }

  /// The gradients with respect to weights and bias.
  public static func weightsGradient(
    _ shape: ConvolutionShape, _ options: KernelOptions, input: UnsafePointer<Float>,
    outputGradient: UnsafePointer<Float>,
    weightsGradient: UnsafeMutablePointer<Float>, biasGradient: UnsafeMutablePointer<Float>?
  ) throws {
    if shape.batch == 0 { return }
    if let fold = ColumnFold(shape) {
      return try fold.unfolding(weightsGradient, biasGradient) { weights, bias in
        try run(
          .weightsGradient, fold.folded, options, input: input, weights: weights, bias: bias, output: outputGradient)
      }
    }
    try run(
      .weightsGradient, shape, options, input: input, weights: weightsGradient, bias: biasGradient,
      output: outputGradient)
  }

  private static func run(
    _ pass: ConvolutionPlan.Pass, _ shape: ConvolutionShape, _ options: KernelOptions, input: UnsafePointer<Float>,
    weights: UnsafePointer<Float>, bias: UnsafePointer<Float>?, output: UnsafePointer<Float>
  ) throws {
    let key = ConvolutionPlan.Key(
      shape: shape, pass: pass, hasBias: bias != nil, choice: .init(shape, pass, options),
      precision: options.precision, threads: options.threads)
    let plan = try plans.value(for: key) { try ConvolutionPlan.make(key) }
    try plan.run([raw(input), raw(weights), raw(output), bias.map(raw)])
  }

  private static func raw(_ buffer: UnsafePointer<Float>) -> UnsafeMutableRawPointer { .init(mutating: buffer) }

  private static let plans = PrimitiveCache<ConvolutionPlan.Key, ConvolutionPlan>()
}
