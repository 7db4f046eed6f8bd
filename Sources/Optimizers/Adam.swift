import Foundation
import Tensors

/// Adam: steps of the gradient's running mean over the root of its running square, both corrected for their start at zero.
/// Weight decay is added to the gradient, or taken from the weights themselves (`isDecoupled`, AdamW).
/// Sources: Kingma and Ba 2015; Loshchilov and Hutter 2019.
public final class Adam: Optimizer {
  public var groups: [ParameterGroup]
  public var stepCount = 0
  public var slots: [String: [String: Tensor]] = [:]
  public let betas: (mean: Double, square: Double)
  public let epsilon: Double
  public let isDecoupled: Bool

  public init(
    _ groups: [ParameterGroup], betas: (mean: Double, square: Double) = (0.9, 0.999), epsilon: Double = 1e-8,
    isDecoupled: Bool = false
  ) {
    (self.groups, self.betas, self.epsilon, self.isDecoupled) = (groups, betas, epsilon, isDecoupled)
  }

  public func step() throws {
    stepCount += 1
    let meanCorrection = 1 - pow(betas.mean, Double(stepCount))
    let squareCorrection = Float((1 - pow(betas.square, Double(stepCount))).squareRoot())
    let (keepMean, keepSquare, epsilon) = (Float(betas.mean), Float(betas.square), Float(self.epsilon))
    try forEachParameter { group, name, tensor, weights, gradient in
      let rate = Float(group.learningRate / meanCorrection)
      let decay = Float(group.weightDecay)
      let shrink = isDecoupled ? Float(1 - group.learningRate * group.weightDecay) : 1
      let added = isDecoupled ? 0 : decay
      try slot("mean", name, like: tensor).withFloats { mean in
        try slot("square", name, like: tensor).withFloats { square in
          for i in weights.indices {
            let change = gradient[i] + added * weights[i]
            mean[i] = keepMean * mean[i] + (1 - keepMean) * change
            square[i] = keepSquare * square[i] + (1 - keepSquare) * change * change
            weights[i] = shrink * weights[i] - rate * mean[i] / (square[i].squareRoot() / squareCorrection + epsilon)
          }
        }
      }
    }
  }
}
