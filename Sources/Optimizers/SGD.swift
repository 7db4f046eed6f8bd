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
    let (momentum, arriving) = (Float(self.momentum), Float(1 - dampening))
    try forEachParameter { group, name, tensor, weights, gradient in
      let (rate, decay) = (Float(group.learningRate), Float(group.weightDecay))
      if momentum == 0 {
        for i in weights.indices { weights[i] -= rate * (gradient[i] + decay * weights[i]) }
        return
      }
      let isFirst = memory["momentum", tensor] == nil
      try slot("momentum", name, of: tensor).withFloats { velocity in
        // The first gradient comes in undamped, as in PyTorch.
        let (keep, share) = isFirst ? (0, 1) : (momentum, arriving)
        for i in weights.indices {
          let change = gradient[i] + decay * weights[i]
          velocity[i] = keep * velocity[i] + share * change
          weights[i] -= rate * (nesterov ? change + momentum * velocity[i] : velocity[i])
        }
      }
    }
    stepCount += 1
  }
}
