import HDF5Files
import Tensors

/// Some samples of another data set, numbered anew.
public struct Subset: DigestedDataset {
  private let whole: any DigestedDataset
  private let samples: [Int]

  /// The samples of a dataset at these positions, in this order.
  public init(_ whole: any DigestedDataset, _ samples: [Int]) { (self.whole, self.samples) = (whole, samples) }

  public var digest: String {
    get throws {
      var hash = SHA256()
      hash.update("\(try whole.digest) \(samples.count) \(samples.withUnsafeBytes(Checksum.crc32))")
      return hash.digest
    }
  }

  public var count: Int { samples.count }

  public func batch(_ samples: [Int]) throws -> Batch {
    let places = try places(of: samples)
    return try whole.batch(places).numbered(samples)
  }

  public func batch(_ samples: [Int], epoch: Int) throws -> Batch {
    let places = try places(of: samples)
    return try whole.batch(places, epoch: epoch).numbered(samples)
  }

  public func weight(of samples: [Int]) -> Int { whole.weight(of: samples.map { self.samples[$0] }) }

  private func places(of samples: [Int]) throws -> [Int] {
    try samples.map { sample in
      guard self.samples.indices.contains(sample) else { throw TensorError("batch", "sample \(sample) of \(count)") }
      return self.samples[sample]
    }
  }

  /// Part `fold` of `folds` nearly equal ones in a row to validate with, and the rest to train on.
  public static func fold(
    _ fold: Int, of folds: Int, _ whole: any DigestedDataset
  ) -> (train: Subset, valid: Subset) {
    let cut = { (part: Int) in whole.count / folds * part + min(part, whole.count % folds) }
    let valid = cut(fold)..<cut(fold + 1)
    let rest = Array(0..<valid.lowerBound) + Array(valid.upperBound..<whole.count)
    return (Subset(whole, rest), Subset(whole, Array(valid)))
  }
}
