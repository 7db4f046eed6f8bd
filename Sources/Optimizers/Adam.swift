import Kernels
import Tensors

/// Adam: steps of the gradient's running mean over the root of its running square, both corrected for their start at zero.
/// Weight decay is added to the gradient, or taken from the weights themselves (`isDecoupled`, AdamW).
/// Sources: Kingma and Ba 2015; Loshchilov and Hutter 2019.
public final class Adam: Optimizer {
  public var groups: [ParameterGroup]
  public var stepCount = 0
  public var memory = ParameterMemory()
  /// How much of the means of gradients and of their squares stays from step to step.
  public let betas: (mean: Double, square: Double)
  /// Added to the divisor, so that it is never 0.
  public let epsilon: Double
  /// Whether weights decay by themselves (AdamW), not through the gradient.
  public let isDecoupled: Bool

  /// PyTorch's defaults.
  public init(
    _ groups: [ParameterGroup], betas: (mean: Double, square: Double) = (0.9, 0.999), epsilon: Double = 1e-8,
    isDecoupled: Bool = false
  ) {
    (self.groups, self.betas, self.epsilon, self.isDecoupled) = (groups, betas, epsilon, isDecoupled)
  }

  public func step() throws {
    stepCount += 1
    try update(by: Rule(betas: betas, epsilon: epsilon, isDecoupled: isDecoupled, step: stepCount))
  }

  struct Rule: UpdateRule {
    let betas: (mean: Double, square: Double)
    let epsilon: Double
    let isDecoupled: Bool
    private let meanCorrection, squareCorrection: Double
    var slots: [String] { ["mean", "square"] }

    /// - Parameter step: of the optimizer, from 1.
    init(betas: (mean: Double, square: Double), epsilon: Double, isDecoupled: Bool, step: Int) {
      (self.betas, self.epsilon, self.isDecoupled) = (betas, epsilon, isDecoupled)
      meanCorrection = 1 - Power.value(betas.mean, Double(step))
      squareCorrection = (1 - Power.value(betas.square, Double(step))).squareRoot()
    }

    func apply<T: FloatElement>(_ group: ParameterGroup, isFirst: Bool, _ update: ElementUpdate<T>) {
      let (ofMean, ofSquare) = (MeanShares<T>(keeping: betas.mean), MeanShares<T>(keeping: betas.square))
      let epsilon = T(self.epsilon)
      let (rate, squareCorrection) = (T(group.learningRate / meanCorrection), T(self.squareCorrection))
      let shrink = isDecoupled ? T(1 - group.learningRate * group.weightDecay) : 1
      let added = isDecoupled ? 0 : T(group.weightDecay)
      let (w, gradient, mean, square) = (update.weights, update.gradient, update.slots[0], update.slots[1])
      // Loops over plain pointers with one result each, which the compiler makes vectors of.
      for i in 0..<update.count {
        mean[i] = ofMean.kept * mean[i] + ofMean.new * (gradient[i] + added * w[i])
      }
      for i in 0..<update.count {
        let change = gradient[i] + added * w[i]
        square[i] = ofSquare.kept * square[i] + ofSquare.new * change * change
      }
      forEachEight(of: update.count) { i in
        let (m, root) = (SIMD8(at: mean + i), SIMD8(at: square + i).squareRoot())
        (shrink * SIMD8(at: w + i) - rate * m / (root / squareCorrection + epsilon)).store(at: w + i)
      } single: { i in
        w[i] = shrink * w[i] - rate * mean[i] / (square[i].squareRoot() / squareCorrection + epsilon)
      }
    }
  }
}
