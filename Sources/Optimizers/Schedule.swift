import Kernels

/// The learning rate's factor over the steps of a training.
public enum Schedule: Sendable, Equatable {
  /// The same rate throughout.
  case constant
  /// Times `factor` after every `period` steps (PyTorch's `StepLR`).
  case step(period: Int, factor: Double)
  /// Times `factor` after each of these numbers of steps (PyTorch's `MultiStepLR`).
  case multistep([Int], factor: Double)
  /// Half a cosine from 1 to `end` over `steps`, where it stays. Source: Loshchilov and Hutter 2017.
  case cosine(steps: Int, end: Double = 0)
  /// Straight from 1 to `end` over `steps`, where it stays (PyTorch's `LinearLR`).
  case linear(steps: Int, end: Double = 0)
  /// Times `factor` within every `period` steps, little by little (PyTorch's `ExponentialLR`, in steps instead of epochs).
  case exponential(period: Int, factor: Double)
  /// From 1 to `end` over `steps` by a power of what is left, where it stays (PyTorch's `PolynomialLR`).
  case polynomial(steps: Int, power: Double = 1, end: Double = 0)
  /// Up from 1 / 25 to 1 in the share `rise` of `steps`, then down to 1 / 250,000, both along half a cosine (PyTorch's `OneCycleLR`;
  /// momentum stays). Source: Smith and Topin 2017.
  case oneCycle(steps: Int, rise: Double = 0.3)
  /// Linear from `start` to 1 over `steps`, then the other schedule from its own beginning.
  indirect case warmUp(steps: Int, start: Double = 0, then: Schedule = .constant)

  /// The factor for the update that follows `step` earlier ones.
  public func factor(at step: Int) -> Double {
    switch self {
    case .constant: return 1
    case .step(let period, let factor): return Power.value(factor, Double(step / max(period, 1)))
    case .multistep(let milestones, let factor): return Power.value(factor, Double(milestones.count { $0 <= step }))
    case .cosine(let steps, let end): return Self.between(1, end, Self.progress(step, of: steps))
    case .linear(let steps, let end): return 1 + (end - 1) * Self.progress(step, of: steps)
    case .exponential(let period, let factor): return Power.value(factor, Double(step) / Double(max(period, 1)))
    case .polynomial(let steps, let power, let end):
      return end + (1 - end) * Power.value(1 - Self.progress(step, of: steps), power)
    case .oneCycle(let steps, let rise):
      let (top, last) = (max(rise * Double(steps) - 1, 0), Double(max(steps - 1, 1)))
      if Double(step) < top { return Self.between(1 / 25, 1, Double(step) / top) }
      return Self.between(1, 1 / 250_000, min((Double(step) - top) / max(last - top, 1), 1))
    case .warmUp(let steps, let start, let next):
      guard step < steps else { return next.factor(at: step - steps) }
      return start + (1 - start) * Double(step) / Double(steps)
    }
  }

  /// Along half a cosine.
  private static func between(_ start: Double, _ end: Double, _ progress: Double) -> Double {
    end + (start - end) * (1 + ElementaryFunction.cos.value(.pi * progress)) / 2
  }

  /// From 0 at the beginning to 1 after `steps`.
  private static func progress(_ step: Int, of steps: Int) -> Double { min(Double(step) / Double(max(steps, 1)), 1) }
}
