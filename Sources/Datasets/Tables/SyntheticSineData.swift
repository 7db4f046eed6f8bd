import Foundation
import HDF5Files
import Kernels
import Tensors

/// The noisy sine of the book's chapter on sequence models: `sin(0.01 t)` for t = 1, 2, … with normal noise. A row of its
/// table is `lags` points in a row, oldest first, and its target the next point.
public struct SyntheticSineData: Sendable {
  /// How many points before one predict it.
  public let points, lags: Int
  /// Standard deviation.
  public let noise: Double
  /// What the noise depends on.
  public let seed: UInt64

  /// `lags` must be in `1..<points`.
  public init(points: Int = 1000, lags: Int = 4, noise: Double = 0.2, seed: UInt64 = 0) {
    precondition(lags >= 1 && lags < points, "\(points) points have no rows of \(lags)")
    (self.points, self.lags, self.noise, self.seed) = (points, lags, noise, seed)
  }

  /// How many rows the points make.
  public var rowCount: Int { points - lags }

  /// All points, in the order of time.
  public func series() throws -> [Float] {
    let errors = try Tensor.normal([points], standardDeviation: noise, key: RandomKey(seed: seed, .synthesis)).floats()
    return errors.enumerated().map { Float(ElementaryFunction.sin.value(0.01 * Double($0.offset + 1))) + $0.element }
  }

  /// Features `[n, lags]` and targets `[n, 1]` of the points in the range.
  public func split(_ rows: Range<Int>) throws -> TableSplit {
    let series = try series()
    return TableSplit(
      features: rows.flatMap { series[$0..<$0 + lags] }, width: lags, targets: rows.map { series[$0 + lags] })
  }

  /// Writes the first rows to train on, and the others to test with, as an HDF5 file.
  public func convert(trainingRows: Int, to output: String) throws -> CSVConverter.Summary {
    let trainingRows = min(max(trainingRows, 0), rowCount)
    var splits = [(name: "train", split: try split(0..<trainingRows))]
    if trainingRows < rowCount { splits.append((name: "test", split: try split(trainingRows..<rowCount))) }
    let names = (0..<lags).map { "x(t-\(lags - $0))" }
    return try TableFile.write(
      splits, featureNames: names, targetName: "x(t)", madeBy: "\(self) \(trainingRows)", to: output)
  }
}
