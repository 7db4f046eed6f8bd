import Tensors

/// Stochastic gradient descent as in PyTorch: `v ← momentum v + g`, `w ← w - learningRate v`, where `g` includes
/// `weightDecay w`; Nesterov's form looks ahead by `g + momentum v`. Source: Sutskever et al. 2013.
public final class SGD: Optimizer {
  public var groups: [ParameterGroup]
  public var stepCount = 0
  public var slots: [String: [String: Tensor]] = [:]
  public let momentum: Double
  public let nesterov: Bool

  public init(_ groups: [ParameterGroup], momentum: Double = 0, nesterov: Bool = false) {
    (self.groups, self.momentum, self.nesterov) = (groups, momentum, nesterov)
  }

  public func step() throws {
    let momentum = Float(self.momentum)
    try forEachParameter { group, name, tensor, weights, gradient in
      let (rate, decay) = (Float(group.learningRate), Float(group.weightDecay))
      if momentum == 0 {
        for i in weights.indices { weights[i] -= rate * (gradient[i] + decay * weights[i]) }
        return
      }
      let isFirst = slots["momentum"]?[name] == nil
      try slot("momentum", name, like: tensor).withFloats { velocity in
        // PyTorch starts the velocity with the first gradient, which zeros give as well.
        let keep = isFirst ? 0 : momentum
        for i in weights.indices {
          let change = gradient[i] + decay * weights[i]
          velocity[i] = keep * velocity[i] + change
          weights[i] -= rate * (nesterov ? change + momentum * velocity[i] : velocity[i])
        }
      }
    }
    stepCount += 1
  }
}
