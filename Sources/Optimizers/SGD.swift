import Tensors

/// Stochastic gradient descent as in PyTorch: `v ← momentum v + (1 - dampening) g`, `w ← w - learningRate v`, where `g`
/// includes `weightDecay w` and the first v is g; Nesterov's form looks ahead by `g + momentum v`.
/// Source: Sutskever et al. 2013.
public final class SGD: Optimizer {
  public var groups: [ParameterGroup]
  public var stepCount = 0
  public var memory = ParameterMemory()
  /// How much of the last step goes on in the next.
  public let momentum: Double
  /// How much of a gradient momentum leaves out.
  public let dampening: Double
  /// Whether the gradient is looked at where momentum leads. Source: Nesterov 1983, as PyTorch has it.
  public let nesterov: Bool

  /// Plain gradient descent unless told otherwise.
  public init(_ groups: [ParameterGroup], momentum: Double = 0, dampening: Double = 0, nesterov: Bool = false) {
    (self.groups, self.momentum, self.dampening, self.nesterov) = (groups, momentum, dampening, nesterov)
  }

  public func step() throws {
    try update(by: Rule(momentum: momentum, dampening: dampening, nesterov: nesterov))
    stepCount += 1
  }

  private struct Rule: UpdateRule {
    let momentum, dampening: Double
    let nesterov: Bool
    var slots: [String] { momentum == 0 ? [] : ["momentum"] }

    func apply<T: FloatElement>(_ group: ParameterGroup, isFirst: Bool, _ update: ElementUpdate<T>) {
      let (rate, decay) = (T(group.learningRate), T(group.weightDecay))
      let (weights, gradient) = (update.weights, update.gradient)
      guard let velocity = update.slots.first else {
        for i in 0..<update.count { weights[i] -= rate * (gradient[i] + decay * weights[i]) }
        return
      }
      let momentum = T(self.momentum)
      // The first gradient comes in undamped, as in PyTorch.
      let (keep, share) = isFirst ? (0, 1) : (momentum, T(1 - dampening))
      for i in 0..<update.count {
        let change = gradient[i] + decay * weights[i]
        velocity[i] = keep * velocity[i] + share * change
        weights[i] -= rate * (nesterov ? change + momentum * velocity[i] : velocity[i])
      }
    }
  }
}
