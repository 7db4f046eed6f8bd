import Datasets
import Kernels
import Networks
import Tensors

/// Squared errors of numbers, reported as their root mean square.
public struct Regression: Objective {
  /// Whether the root mean square of the differences of logarithms is reported, of predictions of 1 at least (the book's
  /// chapter 4.10): relative errors, for prices.
  public let isLogarithmic: Bool
  /// Predictions times the scale plus the shift are in the target's own unit, which logarithms are taken of.
  private let scale, shift: Double

  /// - Parameters:
  ///   - isLogarithmic: reports errors of logarithms too.
  ///   - scale: of a standardised target, its deviation.
  ///   - shift: of a standardised target, its mean.
  public init(isLogarithmic: Bool = false, scale: Double = 1, shift: Double = 0) {
    (self.isLogarithmic, self.scale, self.shift) = (isLogarithmic, scale, shift)
  }

  public var sums: [SumName] { isLogarithmic ? [.loss, .squaredLogError, .weight] : [.loss, .weight] }

  /// Predictions `[batch, numbers]` against targets of the same shape, weighted where the batch has weights. A sample's loss is
  /// the mean over its numbers.
  public func loss(of predictions: Tensor, on batch: Batch) throws -> (sum: Tensor, totals: Totals) {
    let loss = losses(of: predictions, on: batch)
    let (sum, count) = (try loss.item(), Double(batch.samples.count))
    guard isLogarithmic else { return (loss, Totals(sums, [sum, count])) }
    return (loss, Totals(sums, [sum, try squaredLogarithms(predictions, batch.targets), count]))
  }

  private func losses(of predictions: Tensor, on batch: Batch) -> Tensor {
    let numbers = Double(predictions.shape.last ?? 1)
    guard let weights = batch.weights else {
      let sum = meanSquaredError(predictions, batch.targets, reduction: .sum)
      return numbers == 1 ? sum : sum / numbers
    }
    let squares = meanSquaredError(predictions, batch.targets, reduction: .none)
    return (squares * weights.unsqueezed(1)).sum() / numbers
  }

  public func measures(of totals: Totals) -> [Measure] {
    let loss = Measure("loss", totals.meanLoss)
    if isLogarithmic { return [loss, Measure("log_rmse", totals.mean(of: .squaredLogError).squareRoot())] }
    return [loss, Measure("rmse", totals.meanLoss.squareRoot())]
  }

  private func squaredLogarithms(_ predictions: Tensor, _ targets: Tensor) throws -> Double {
    // To be read: what is taken to be changed in place counts as changed, and the loss still needs the predictions.
    try predictions.withRowMajor(as: Float.self) { predictions in
      try targets.withRowMajor(as: Float.self) { targets in
        zip(predictions, targets).reduce(0) { sum, pair in
          let price = { (number: Float) in ElementaryFunction.log.value(max(Double(number) * scale + shift, 1)) }
          let difference = price(pair.0) - price(pair.1)
          return sum + difference * difference
        }
      }
    }
  }
}
