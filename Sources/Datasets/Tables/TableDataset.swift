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
    digest = Self.digest(
      count: split.count, width: split.width, features: split.features.withUnsafeBytes(Checksum.crc32),
      targets: split.targets?.withUnsafeBytes(Checksum.crc32))
  }

  /// Of CRC-32s of features and targets, nil for rows of which these are not known.
  static func digest(count: Int, width: Int, features: UInt, targets: UInt?) -> String {
    var hash = SHA256()
    hash.update("\(count) \(width) \(targets != nil) \(features) \(targets ?? 0)")
    return hash.digest
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
