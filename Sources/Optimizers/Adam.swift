import Foundation
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
    let meanCorrection = 1 - pow(betas.mean, Double(stepCount))
    let squareCorrection = Float((1 - pow(betas.square, Double(stepCount))).squareRoot())
    let (keepMean, keepSquare, epsilon) = (Float(betas.mean), Float(betas.square), Float(self.epsilon))
    try forEachParameter { group, name, tensor, weights, gradient in
      let rate = Float(group.learningRate / meanCorrection)
      let decay = Float(group.weightDecay)
      let shrink = isDecoupled ? Float(1 - group.learningRate * group.weightDecay) : 1
      let added = isDecoupled ? 0 : decay
      let count = weights.count
      try slot("mean", name, of: tensor).withFloats { mean in
        try slot("square", name, of: tensor).withFloats { square in
          guard let w = weights.baseAddress, let mean = mean.baseAddress, let square = square.baseAddress else {
            return
          }
          // Loops over plain pointers with one result each, which the compiler makes vectors of.
          for i in 0..<count {
            mean[i] = keepMean * mean[i] + (1 - keepMean) * (gradient[i] + added * w[i])
          }
          for i in 0..<count {
            let change = gradient[i] + added * w[i]
            square[i] = keepSquare * square[i] + (1 - keepSquare) * change * change
          }
          forEachEight(of: count) { i in
            let (m, root) = (SIMD8(at: mean + i), SIMD8(at: square + i).squareRoot())
            (shrink * SIMD8(at: w + i) - rate * m / (root / squareCorrection + epsilon)).store(at: w + i)
          } single: { i in
            w[i] = shrink * w[i] - rate * mean[i] / (square[i].squareRoot() / squareCorrection + epsilon)
          }
        }
      }
    }
  }
}

/// Square roots stay single ones in a plain loop, for fear of negative numbers.
@inline(__always)
private func forEachEight(of count: Int, _ eight: (Int) -> Void, single: (Int) -> Void) {
  for start in stride(from: 0, to: count & ~7, by: 8) { eight(start) }
  for index in count & ~7..<count { single(index) }
}
