import Foundation

/// The learning rate's factor over the steps of a training.
public enum Schedule: Sendable {
  /// The same rate throughout.
  case constant
  /// Times `factor` after every `period` steps.
  case step(period: Int, factor: Double)
  /// Half a cosine from 1 to `end` over `steps`. Source: Loshchilov and Hutter 2017.
  case cosine(steps: Int, end: Double = 0)
  /// Linear from `start` to 1 over `steps`, then the other schedule from its own beginning.
  indirect case warmUp(steps: Int, start: Double = 0, then: Schedule = .constant)

  /// The factor for the update that follows `step` earlier ones.
  public func factor(at step: Int) -> Double {
    switch self {
    case .constant: return 1
    case .step(let period, let factor): return pow(factor, Double(step / max(period, 1)))
    case .cosine(let steps, let end):
      let progress = min(Double(step) / Double(max(steps, 1)), 1)
      return end + (1 - end) * (1 + cos(.pi * progress)) / 2
    case .warmUp(let steps, let start, let next):
      guard step < steps else { return next.factor(at: step - steps) }
      return start + (1 - start) * Double(step) / Double(steps)
    }
  }
}
