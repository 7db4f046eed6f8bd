import HDF5Files
import Tensors

/// Made-up rows for linear regression, as the book's `synthetic_data`: features of a standard normal distribution, targets
/// `x · w + b` with normal noise.
public struct SyntheticLinearData: Sendable {
  /// One for each feature.
  public let weights: [Double]
  /// What is added to every row.
  public let bias: Double
  /// Standard deviation.
  public let noise: Double
  /// What features and noise depend on.
  public let seed: UInt64

  /// As the book's chapter 3.2 has it, unless said otherwise.
  public init(weights: [Double] = [2, -3.4], bias: Double = 4.2, noise: Double = 0.01, seed: UInt64 = 0) {
    (self.weights, self.bias, self.noise, self.seed) = (weights, bias, noise, seed)
  }

  /// Features `[rows, weights]` and targets `[rows, 1]`.
  public func split(rows: Int) throws -> TableSplit {
    let key = RandomKey(seed: seed, .synthesis)
    let features = Tensor.normal([rows, weights.count], key: key)
    var other = key
    other.layer += 1
    let errors = Tensor.normal([rows, 1], standardDeviation: noise, key: other)
    let slopes = Tensor(weights.map { Float($0) }, shape: [weights.count, 1])
    let targets = features.matmul(slopes) + bias + errors
    return TableSplit(features: try features.floats(), width: weights.count, targets: try targets.floats())
  }

  /// Writes `rows` rows to train on as an HDF5 file.
  public func convert(rows: Int, to output: String) throws -> CSVConverter.Summary {
    try TableFile.write(
      [("train", split(rows: rows))], featureNames: weights.indices.map { "x\($0 + 1)" }, targetName: "y",
      madeBy: "\(self) \(rows)", to: output)
  }
}

extension TableFile {
  /// Writes made-up rows; what defines them stands in for the bytes of a source.
  static func write(
    _ splits: [(name: String, split: TableSplit)], featureNames: [String], targetName: String,
    madeBy definition: String, to output: String
  ) throws -> CSVConverter.Summary {
    try AtomicFile.check(output)
    var source = SHA256()
    source.update(definition)
    let image = try encode(
      splits, featureNames: featureNames, targetName: targetName, sourceSHA256: source.hexadecimal)
    try AtomicFile.write(image, to: output)
    func count(_ name: String) -> Int { splits.first { $0.name == name }?.split.count ?? 0 }
    return CSVConverter.Summary(
      trainCount: count("train"), testCount: count("test"), featureNames: featureNames, targetName: targetName,
      byteCount: image.count)
  }
}
