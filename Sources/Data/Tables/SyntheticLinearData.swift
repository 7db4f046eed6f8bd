import HDF5Files
import Tensors

/// Made-up rows for linear regression, as the book's `synthetic_data`: features of a standard normal distribution, targets
/// `x · w + b` with normal noise.
public struct SyntheticLinearData: Sendable {
  public let weights: [Double]
  public let bias: Double
  /// Standard deviation.
  public let noise: Double
  public let seed: UInt64

  public init(weights: [Double] = [2, -3.4], bias: Double = 4.2, noise: Double = 0.01, seed: UInt64 = 0) {
    (self.weights, self.bias, self.noise, self.seed) = (weights, bias, noise, seed)
  }

  public func split(rows: Int) throws -> TableSplit {
    let key = RandomKey(seed: seed, .synthesis)
    let features = try Tensor.normal([rows, weights.count], key: key)
    var other = key
    other.layer += 1
    let errors = try Tensor.normal([rows, 1], standardDeviation: noise, key: other)
    let slopes = try Tensor(weights.map { Float($0) }, shape: [weights.count, 1])
    let targets = try features.matmul(slopes) + bias + errors
    return TableSplit(features: try features.floats(), width: weights.count, targets: try targets.floats())
  }

  /// Writes `rows` rows to train on as an HDF5 file.
  public func convert(rows: Int, to output: String) throws -> CSVConverter.Summary {
    try AtomicFile.check(output)
    let names = weights.indices.map { "x\($0 + 1)" }
    var source = SHA256()
    source.update("\(self) \(rows)")
    let image = try TableFile.encode(
      [("train", split(rows: rows))], featureNames: names, targetName: "y",
      sourceSHA256: source.hexadecimal)
    try AtomicFile.write(image, to: output)
    return CSVConverter.Summary(
      trainCount: rows, testCount: 0, featureNames: names, targetName: "y", byteCount: image.count)
  }
}
