import Kernels
import Tensors

/// Steps that become shorter where gradients have been large: `s ← s + g²`, `w ← w - learningRate g / (√s + epsilon)`, where `g`
/// includes `weightDecay w`. Source: Duchi, Hazan and Singer 2011, as PyTorch has it.
public final class Adagrad: Optimizer {
  public var groups: [ParameterGroup]
  public var stepCount = 0
  public var memory = ParameterMemory()
  /// How much the rate falls: it is divided by 1 + this times the steps so far.
  public let learningRateDecay: Double
  /// What the sums of squares begin with.
  public let initialSum: Double
  /// Added to the divisor, so that it is never 0.
  public let epsilon: Double

  /// PyTorch's defaults.
  public init(
    _ groups: [ParameterGroup], learningRateDecay: Double = 0, initialSum: Double = 0, epsilon: Double = 1e-10
  ) {
    (self.groups, self.learningRateDecay) = (groups, learningRateDecay)
    (self.initialSum, self.epsilon) = (initialSum, epsilon)
  }

  public func step() throws {
    let share = 1 / (1 + Double(stepCount) * learningRateDecay)
    try update(by: Rule(share: share, initialSum: initialSum, epsilon: epsilon))
    stepCount += 1
  }

  private struct Rule: UpdateRule {
    let share, initialSum, epsilon: Double
    var slots: [String] { ["sum"] }

    func apply<T: FloatElement>(_ group: ParameterGroup, isFirst: Bool, _ update: ElementUpdate<T>) {
      let (rate, decay, epsilon) = (T(group.learningRate * share), T(group.weightDecay), T(self.epsilon))
      let (w, gradient, sum) = (update.weights, update.gradient, update.slots[0])
      if isFirst { for i in 0..<update.count { sum[i] = T(initialSum) } }
      for i in 0..<update.count {
        let change = gradient[i] + decay * w[i]
        sum[i] += change * change
      }
      forEachEight(of: update.count) { i in
        let (old, root) = (SIMD8(at: w + i), SIMD8(at: sum + i).squareRoot())
        (old - rate * (SIMD8(at: gradient + i) + decay * old) / (root + epsilon)).store(at: w + i)
      } single: { i in
        w[i] -= rate * (gradient[i] + decay * w[i]) / (sum[i].squareRoot() + epsilon)
      }
    }
  }
}
