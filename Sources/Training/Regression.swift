import Datasets
import Foundation
import Networks
import Tensors

/// Squared errors of numbers, reported as their root mean square.
public struct Regression: Objective {
  /// Whether the root mean square of the differences of logarithms is reported, of predictions of 1 at least (the book's
  /// chapter 4.10): relative errors, for prices.
  public let isLogarithmic: Bool
  /// Predictions times the scale plus the shift are in the target's own unit, which logarithms are taken of.
  private let scale, shift: Double

  public init(isLogarithmic: Bool = false, scale: Double = 1, shift: Double = 0) {
    (self.isLogarithmic, self.scale, self.shift) = (isLogarithmic, scale, shift)
  }

  /// Predictions `[batch, 1]` against targets `[batch, 1]`.
  public func evaluate(_ model: Module, _ batch: Batch) throws -> (lossSum: Tensor, totals: Totals) {
    let predictions = model(batch.inputs)
    let loss = meanSquaredError(predictions, batch.targets, reduction: .sum)
    let squares = isLogarithmic ? try squaredLogarithms(predictions, batch.targets) : 0
    return (loss, Totals(loss: try loss.item(), hits: squares, samples: Double(batch.samples.count)))
  }

  public func measures(of totals: Totals) -> [Measure] {
    let loss = Measure("loss", totals.meanLoss)
    if isLogarithmic { return [loss, Measure("log_rmse", totals.accuracy.squareRoot())] }
    return [loss, Measure("rmse", totals.meanLoss.squareRoot())]
  }

  private func squaredLogarithms(_ predictions: Tensor, _ targets: Tensor) throws -> Double {
    // A copy: what is read in place counts as changed, and the loss still needs the predictions for its gradient.
    try zip(predictions.floats(), targets.floats()).reduce(0) { sum, pair in
      let difference = log(max(Double(pair.0), 1)) - log(max(Double(pair.1), 1))
      return sum + difference * difference
    }
  }
}
