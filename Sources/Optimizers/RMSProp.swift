import Kernels
import Tensors

/// Steps of the gradient over the root of its running square: `s ← alpha s + (1 - alpha) g²`, `u = g / (√s + epsilon)`, where `g`
/// includes `weightDecay w`; then `w ← w - learningRate u`, or with momentum `v ← momentum v + u`, `w ← w - learningRate v`. Centered,
/// the square of the running mean is taken from s first. Source: Tieleman and Hinton 2012; centered, Graves 2013; as PyTorch has it.
public final class RMSProp: Optimizer {
  public var groups: [ParameterGroup]
  public var stepCount = 0
  public var memory = ParameterMemory()
  /// How much of the mean of squares stays from step to step.
  public let alpha: Double
  /// Added to the divisor, so that it is never 0.
  public let epsilon: Double
  /// How much of the last step goes on in the next.
  public let momentum: Double
  /// Whether gradients are measured from their running mean.
  public let centered: Bool

  /// PyTorch's defaults.
  public init(
    _ groups: [ParameterGroup], alpha: Double = 0.99, epsilon: Double = 1e-8, momentum: Double = 0,
    centered: Bool = false
  ) {
    (self.groups, self.alpha, self.epsilon) = (groups, alpha, epsilon)
    (self.momentum, self.centered) = (momentum, centered)
  }

  public func step() throws {
    try update(by: Rule(alpha: alpha, epsilon: epsilon, momentum: momentum, centered: centered))
    stepCount += 1
  }

  private struct Rule: UpdateRule {
    let alpha, epsilon, momentum: Double
    let centered: Bool
    var slots: [String] { ["square"] + (centered ? ["mean"] : []) + (momentum == 0 ? [] : ["momentum"]) }

    func apply<T: FloatElement>(_ group: ParameterGroup, isFirst: Bool, _ update: ElementUpdate<T>) {
      let (rate, decay, epsilon) = (T(group.learningRate), T(group.weightDecay), T(self.epsilon))
      let shares = MeanShares<T>(keeping: alpha)
      let (w, gradient, square) = (update.weights, update.gradient, update.slots[0])
      for i in 0..<update.count {
        let change = gradient[i] + decay * w[i]
        square[i] = shares.kept * square[i] + shares.new * change * change
      }
      let mean = centered ? update.slots[1] : nil
      if let mean {
        for i in 0..<update.count { mean[i] += shares.new * (gradient[i] + decay * w[i] - mean[i]) }
      }
      @inline(__always) func direction(_ i: Int) -> T {
        let offset = mean.map { $0[i] } ?? 0
        // Rounding may leave a variance below 0.
        return (gradient[i] + decay * w[i]) / (max(square[i] - offset * offset, 0).squareRoot() + epsilon)
      }
      guard momentum > 0, let velocity = update.slots.last else {
        for i in 0..<update.count { w[i] -= rate * direction(i) }
        return
      }
      for i in 0..<update.count {
        velocity[i] = T(momentum) * velocity[i] + direction(i)
        w[i] -= rate * velocity[i]
      }
    }
  }
}
