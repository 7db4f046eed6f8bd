import Kernels
import Tensors

/// Steps of the gradient by the ratio of two running roots, of the steps' squares and of the gradients':
/// `s ← rho s + (1 - rho) g²`, `u = √(d + epsilon) / √(s + epsilon) g`, `d ← rho d + (1 - rho) u²`, `w ← w - learningRate u`, where `g`
/// includes `weightDecay w`. The learning rate is 1 in the paper. Source: Zeiler 2012, as PyTorch has it.
public final class Adadelta: Optimizer {
  public var groups: [ParameterGroup]
  public var stepCount = 0
  public var memory = ParameterMemory()
  /// How much of both means stays from step to step.
  public let rho: Double
  /// Added under both roots: what the first steps are made of.
  public let epsilon: Double

  /// PyTorch's defaults.
  public init(_ groups: [ParameterGroup], rho: Double = 0.9, epsilon: Double = 1e-6) {
    (self.groups, self.rho, self.epsilon) = (groups, rho, epsilon)
  }

  public func step() throws {
    try update(by: Rule(rho: rho, epsilon: epsilon))
    stepCount += 1
  }

  private struct Rule: UpdateRule {
    let rho, epsilon: Double
    var slots: [String] { ["square", "change"] }

    func apply<T: FloatElement>(_ group: ParameterGroup, isFirst: Bool, _ update: ElementUpdate<T>) {
      let (rate, decay, epsilon) = (T(group.learningRate), T(group.weightDecay), T(self.epsilon))
      let shares = MeanShares<T>(keeping: rho)
      let (w, gradient, square, changes) = (update.weights, update.gradient, update.slots[0], update.slots[1])
      for i in 0..<update.count {
        let slope = gradient[i] + decay * w[i]
        square[i] = shares.kept * square[i] + shares.new * slope * slope
      }
      forEachEight(of: update.count) { i in
        let (old, past) = (SIMD8(at: w + i), SIMD8(at: changes + i))
        let ratio = (past + epsilon).squareRoot() / (SIMD8(at: square + i) + epsilon).squareRoot()
        let change = ratio * (SIMD8(at: gradient + i) + decay * old)
        (shares.kept * past + shares.new * change * change).store(at: changes + i)
        (old - rate * change).store(at: w + i)
      } single: { i in
        let ratio = (changes[i] + epsilon).squareRoot() / (square[i] + epsilon).squareRoot()
        let change = ratio * (gradient[i] + decay * w[i])
        changes[i] = shares.kept * changes[i] + shares.new * change * change
        w[i] -= rate * change
      }
    }
  }
}
