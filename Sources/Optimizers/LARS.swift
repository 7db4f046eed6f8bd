import Kernels
import Tensors

/// SGD with momentum for large batches: each layer's step is a small share of its weights' norm, whatever its gradient's,
/// `v ← momentum v + learningRate r (g + d w)`, `w ← w - v`, with `r = trust ‖w‖ / (‖g‖ + d ‖w‖)` and the weight decay d.
/// For vectors (biases, scales of normalisations), and where a norm is 0, r is 1. Source: You, Gitman and Ginsburg 2017.
public final class LARS: Optimizer {
  public var groups: [ParameterGroup]
  public var stepCount = 0
  public var memory = ParameterMemory()
  /// How much of the last step goes on in the next.
  public let momentum: Double
  /// The share of a layer's norm that a step of learning rate 1 takes.
  public let trust: Double

  /// The paper's trust and momentum.
  public init(_ groups: [ParameterGroup], momentum: Double = 0.9, trust: Double = 0.001) {
    (self.groups, self.momentum, self.trust) = (groups, momentum, trust)
  }

  /// Steps go by the norm of each parameter.
  public var needsWholeParameters: Bool { true }

  public func step() throws {
    try update(by: Rule(momentum: momentum, trust: trust))
    stepCount += 1
  }

  private struct Rule: UpdateRule {
    let momentum, trust: Double
    var slots: [String] { ["step"] }
    /// Steps are as long as the whole parameter and its change are large.
    var isByElement: Bool { false }

    func apply<T: FloatElement>(_ group: ParameterGroup, isFirst: Bool, _ update: ElementUpdate<T>) {
      let (weights, gradient, last) = (update.weights, update.gradient, update.slots[0])
      var ratio = 1.0
      if !update.isVector {
        let size = norm(of: update.count) { Double(weights[$0]) }
        let change = norm(of: update.count) { Double(gradient[$0]) } + group.weightDecay * size
        if size > 0 && change > 0 { ratio = trust * size / change }
      }
      let (rate, decay, keep) = (T(group.learningRate * ratio), T(group.weightDecay), T(momentum))
      for i in 0..<update.count {
        last[i] = keep * last[i] + rate * (gradient[i] + decay * weights[i])
        weights[i] -= last[i]
      }
    }
  }
}

/// The Euclidean norm in float64, of partial sums in one order: the same bits on every processor and rank.
@inline(__always)
func norm(of count: Int, _ value: (Int) -> Double) -> Double {
  var partial = SIMD8<Double>(repeating: 0)
  for start in stride(from: 0, to: count & ~7, by: 8) {
    for lane in 0..<8 {
      let value = value(start + lane)
      partial[lane] += value * value
    }
  }
  var sum = partial.sum()
  for index in count & ~7..<count {
    let value = value(index)
    sum += value * value
  }
  return sum.squareRoot()
}
