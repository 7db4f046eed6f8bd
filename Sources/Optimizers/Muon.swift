import Kernels
import Tensors

/// Momentum whose steps are made orthogonal: for a matrix `m ← momentum m + (1 - momentum) g`, and the weights move by the orthogonal
/// matrix that is nearest to m (Nesterov's form: to `(1 - momentum) g + momentum m`), so that no direction is learnt faster than
/// another. The axes of a convolution's weight behind the first count as one. Weights decay by themselves, as in AdamW.
///
/// It is for the matrices of hidden layers: those in groups with `isOrthogonal`. All else, vectors, embeddings and the last layer, is
/// updated as by AdamW, with its group's own learning rate. Source: Jordan et al. 2024; Liu et al. 2025 for `Scaling.adamw`.
public final class Muon: Optimizer {
  /// How long a step is, as a multiple of an orthogonal matrix.
  public enum Scaling: String, Sendable, CaseIterable, Codable {
    /// `√max(1, rows / columns)`, PyTorch's default: learning rates are about 0.02.
    case original
    /// `0.2 √max(rows, columns)`, so that numbers move about as far as AdamW's: one learning rate for both.
    case adamw
  }

  public var groups: [ParameterGroup]
  public var stepCount = 0
  public var memory = ParameterMemory()
  /// How much of the mean of gradients stays from step to step.
  public let momentum: Double
  /// Whether the mean is looked at where momentum leads.
  public let nesterov: Bool
  /// How long a step is.
  public let scaling: Scaling
  /// Of AdamW, for groups that are not orthogonal.
  public let betas: (mean: Double, square: Double)
  /// Of AdamW, likewise.
  public let epsilon: Double

  /// PyTorch's defaults, of `Muon` and `AdamW`.
  public init(
    _ groups: [ParameterGroup], momentum: Double = 0.95, nesterov: Bool = true, scaling: Scaling = .original,
    betas: (mean: Double, square: Double) = (0.9, 0.999), epsilon: Double = 1e-8
  ) {
    (self.groups, self.momentum, self.nesterov, self.scaling) = (groups, momentum, nesterov, scaling)
    (self.betas, self.epsilon) = (betas, epsilon)
  }

  /// A matrix is made orthogonal as a whole.
  public var needsWholeParameters: Bool { true }

  public func step() throws {
    stepCount += 1
    // The native kernels' order of additions is fixed: the same bits on every rank that has the gradient.
    try KernelOptions(backend: .native).run {
      try withoutGradient {
        for group in groups where group.isOrthogonal {
          for (name, tensor) in group.parameters { try turn(tensor, name, in: group) }
        }
      }
    }
    try update(by: Adam.Rule(betas: betas, epsilon: epsilon, isDecoupled: true, step: stepCount)) { !$0.isOrthogonal }
  }

  private func turn(_ weights: Tensor, _ name: String, in group: ParameterGroup) throws {
    guard let gradient = weights.gradient else { return }
    try check(gradient, of: weights, name)
    guard weights.rank >= 2, weights.elementCount > 0 else {
      throw TensorError("muon", "\(name) is no matrix: its shape is \(weights.shape)")
    }
    let mean = try slot("momentum", name, of: weights)
    mean.assign(mean + (gradient - mean) * (1 - momentum))
    let direction = nesterov ? gradient + (mean - gradient) * momentum : mean
    let matrix = direction.reshaped([weights.shape[0], -1])
    let (rows, columns) = (Double(matrix.shape[0]), Double(matrix.shape[1]))
    let length =
      switch scaling {
      case .original: max(1, rows / columns).squareRoot()
      case .adamw: 0.2 * max(rows, columns).squareRoot()
      }
    let step = try Self.orthogonalized(matrix).reshaped(weights.shape) * (group.learningRate * length)
    weights.assign(weights * (1 - group.learningRate * group.weightDecay) - step)
  }

  /// The matrix with all singular values near 1, by Newton and Schulz's iteration: each of five rounds takes `a x + b x³ + c x⁵` of
  /// each singular value x, whose coefficients lead small ones up fast and leave them all within 0.7 and 1.2. Source: Jordan et al. 2024.
  public static func orthogonalized(_ matrix: Tensor) throws -> Tensor {
    let isTall = matrix.shape[0] > matrix.shape[1]
    // The smaller product of the two.
    var x = isTall ? matrix.transposed() : matrix
    x = x / max(try frobeniusNorm(of: x), 1e-7)
    for _ in 0..<5 {
      let gram = x.matmul(x.transposed())
      x = x * 3.4445 + (gram * -4.775 + gram.matmul(gram) * 2.0315).matmul(x)
    }
    return isTall ? x.transposed() : x
  }

  private static func frobeniusNorm(of matrix: Tensor) throws -> Double {
    matrix.dtype == .float64
      ? try matrix.withRowMajor { (values: UnsafeBufferPointer<Double>) in norm(of: values.count) { values[$0] } }
      : try matrix.withRowMajor { (values: UnsafeBufferPointer<Float>) in
        norm(of: values.count) { Double(values[$0]) }
      }
  }
}
