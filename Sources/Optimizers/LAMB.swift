import Kernels
import Tensors

/// Adam for large batches: each layer's step is as long as its weights times the learning rate, `w ← w - learningRate r u` with
/// Adam's corrected direction and the decay, `u = m / (√s + epsilon) + d w`, and `r = ‖w‖ / ‖u‖`. For vectors (biases, scales
/// of normalisations), and where a norm is 0, r is 1. Source: You et al. 2020.
public final class LAMB: Optimizer {
  public var groups: [ParameterGroup]
  public var stepCount = 0
  public var memory = ParameterMemory()
  /// How much of the means of gradients and of their squares stays from step to step.
  public let betas: (mean: Double, square: Double)
  /// Added to the divisor, so that it is never 0.
  public let epsilon: Double

  /// The paper's settings.
  public init(
    _ groups: [ParameterGroup], betas: (mean: Double, square: Double) = (0.9, 0.999), epsilon: Double = 1e-6
  ) {
    (self.groups, self.betas, self.epsilon) = (groups, betas, epsilon)
  }

  /// Steps go by the norm of each parameter.
  public var needsWholeParameters: Bool { true }

  public func step() throws {
    stepCount += 1
    try update(
      by: Rule(
        betas: betas, epsilon: epsilon, meanCorrection: 1 - Power.value(betas.mean, Double(stepCount)),
        squareCorrection: (1 - Power.value(betas.square, Double(stepCount))).squareRoot()))
  }

  private struct Rule: UpdateRule {
    let betas: (mean: Double, square: Double)
    let epsilon, meanCorrection, squareCorrection: Double
    var slots: [String] { ["mean", "square"] }
    /// Steps are as long as the whole parameter and its change are large.
    var isByElement: Bool { false }

    func apply<T: FloatElement>(_ group: ParameterGroup, isFirst: Bool, _ update: ElementUpdate<T>) {
      let (ofMean, ofSquare) = (MeanShares<T>(keeping: betas.mean), MeanShares<T>(keeping: betas.square))
      let epsilon = T(self.epsilon)
      let (meanShare, rootShare, decay) = (T(1 / meanCorrection), T(1 / squareCorrection), T(group.weightDecay))
      let (w, gradient, mean, square) = (update.weights, update.gradient, update.slots[0], update.slots[1])
      for i in 0..<update.count { mean[i] = ofMean.kept * mean[i] + ofMean.new * gradient[i] }
      for i in 0..<update.count {
        square[i] = ofSquare.kept * square[i] + ofSquare.new * gradient[i] * gradient[i]
      }
      @inline(__always) func direction(_ i: Int) -> T {
        meanShare * mean[i] / (rootShare * square[i].squareRoot() + epsilon) + decay * w[i]
      }
      var rate = group.learningRate
      if !update.isVector {
        let (weights, change) = (
          norm(of: update.count) { Double(w[$0]) }, norm(of: update.count) { Double(direction($0)) }
        )
        if weights > 0 && change > 0 { rate *= weights / change }
      }
      for i in 0..<update.count { w[i] -= T(rate) * direction(i) }
    }
  }
}
