import HDF5Files
import Tensors

/// Rows of a table. Inputs are float32 `[batch, features]`, targets float32 `[batch, 1]`; rows without a target have
/// targets of NaN.
public struct TableDataset: DigestedDataset {
  /// The rows that the batches are made of.
  public let split: TableSplit
  public let digest: String

  /// A batch is features `[batch, features]` and targets `[batch, 1]`.
  public init(_ split: TableSplit) {
    self.split = split
    var hash = SHA256()
    let features = split.features.withUnsafeBytes(Checksum.crc32)
    let targets = (split.targets ?? []).withUnsafeBytes(Checksum.crc32)
    hash.update("\(split.count) \(split.width) \(split.targets != nil) \(features) \(targets)")
    digest = hash.digest
  }

  public var count: Int { split.count }

  public func batch(_ samples: [Int]) throws -> Batch {
    if let wrong = samples.first(where: { !(0..<count).contains($0) }) {
      throw TensorError("batch", "sample \(wrong) of \(count)")
    }
    let inputs = Tensor(uninitializedFloats: [samples.count, split.width])
    let targets = Tensor(uninitializedFloats: [samples.count, 1])
    try inputs.withFloats { rows in
      split.features.withUnsafeBufferPointer { features in
        for (row, sample) in samples.enumerated() {
          guard let from = features.baseAddress, let to = rows.baseAddress else { return }
          (to + row * split.width).update(from: from + sample * split.width, count: split.width)
        }
      }
    }
    try targets.withFloats { column in
      for (row, sample) in samples.enumerated() { column[row] = split.targets?[sample] ?? .nan }
    }
    return Batch(inputs: inputs, targets: targets, samples: samples)
  }
}

/// Some samples of another data set, numbered anew.
public struct Subset: DigestedDataset {
  private let whole: any DigestedDataset
  private let samples: [Int]

  /// The samples of a dataset at these positions, in this order.
  public init(_ whole: any DigestedDataset, _ samples: [Int]) { (self.whole, self.samples) = (whole, samples) }

  public var count: Int { samples.count }
  public var digest: String { get throws { "\(try whole.digest) \(samples.count)" } }

  public func batch(_ samples: [Int]) throws -> Batch {
    if let wrong = samples.first(where: { !(0..<count).contains($0) }) {
      throw TensorError("batch", "sample \(wrong) of \(count)")
    }
    let batch = try whole.batch(samples.map { self.samples[$0] })
    return Batch(inputs: batch.inputs, targets: batch.targets, samples: samples)
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
