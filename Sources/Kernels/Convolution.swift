import CDNNL
import Synchronization

/// How convolutions are computed where there is a choice. Set before the first convolution; all ranks must agree, as the
/// choices differ in their rounding.
public enum ConvolutionMethod: String, Codable, Sendable, CaseIterable {
  /// Winograd's F(4×4, 3×3) where it measures faster: a quarter of the multiplications of a 3×3 kernel, rounding errors of
  /// 1e-3 on deep networks. oneDNN 2 has it for AVX-512, oneDNN 3 has none.
  case automatic
  case direct
}

/// Convolutions on channels-last activations and plain weights `[out, in, height, width]`, reordered here into the layouts
/// that the kernels like.
public enum Convolution {
  /// Whether the library and the processor have Winograd kernels: oneDNN 2 and AVX-512.
  public static let hasWinograd = lockstep_dnnl_major() < 3 && lockstep_vector_lanes() == 16

  private static let isDirect = Atomic(false)

  public static var method: ConvolutionMethod {
    get { isDirect.load(ordering: .relaxed) ? .direct : .automatic }
    set { isDirect.store(newValue == .direct, ordering: .relaxed) }
  }

  /// `output = input ∗ weights + bias`, and `max(0, ·)` of it where a ReLU follows.
  public static func forward(
    _ shape: ConvolutionShape, input: UnsafePointer<Float>, weights: UnsafePointer<Float>, bias: UnsafePointer<Float>?,
    output: UnsafeMutablePointer<Float>, thenReLU: Bool = false
  ) throws {
    if shape.batch == 0 { return }
    let pass = thenReLU ? ConvolutionPlan.Pass.forwardThenReLU : .forward
    if let fold = ColumnFold(shape) {
      return try fold.withFolded(weights, bias) { weights, bias in
        try run(pass, fold.folded, input: input, weights: weights, bias: bias, output: output)
      }
    }
    try run(pass, shape, input: input, weights: weights, bias: bias, output: output)
  }

  /// The gradient with respect to the input.
  public static func inputGradient(
    _ shape: ConvolutionShape, outputGradient: UnsafePointer<Float>, weights: UnsafePointer<Float>,
    inputGradient: UnsafeMutablePointer<Float>
  ) throws {
    if shape.batch == 0 { return }
    try run(.inputGradient, shape, input: inputGradient, weights: weights, bias: nil, output: outputGradient)
  }

  /// The gradients with respect to weights and bias.
  public static func weightsGradient(
    _ shape: ConvolutionShape, input: UnsafePointer<Float>, outputGradient: UnsafePointer<Float>,
    weightsGradient: UnsafeMutablePointer<Float>, biasGradient: UnsafeMutablePointer<Float>?
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

  private static func run(
    _ pass: ConvolutionPlan.Pass, _ shape: ConvolutionShape, input: UnsafePointer<Float>,
    weights: UnsafePointer<Float>, bias: UnsafePointer<Float>?, output: UnsafePointer<Float>
  ) throws {
    let key = ConvolutionPlan.Key(shape: shape, pass: pass, hasBias: bias != nil, choice: .init(shape, pass))
    let plan = try plans.value(for: key) { try ConvolutionPlan.make(key) }
    try plan.run([raw(input), raw(weights), raw(output), bias.map(raw)])
  }

  private static func raw(_ buffer: UnsafePointer<Float>) -> UnsafeMutableRawPointer { .init(mutating: buffer) }

  private static let plans = PrimitiveCache<ConvolutionPlan.Key, ConvolutionPlan>()
}
