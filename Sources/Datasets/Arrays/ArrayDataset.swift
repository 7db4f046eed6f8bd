import HDF5Files
import Tensors

/// Rows of arrays. Inputs are float32 `[batch, …]`; targets int64 `[batch]` for classes, float32 `[batch, numbers]` for numbers
/// to predict, NaN where nobody knows them.
public struct ArrayDataset: DigestedDataset {
  private let inputs: ArrayRows
  private let shape: [Int]
  private let outputs: ArrayFile.Outputs
  private let labels: [Int32]?
  private let numbers: ArrayRows?
  private let weights: [Float]?
  public let digest: String

  init(
    _ inputs: ArrayRows, shape: [Int], outputs: ArrayFile.Outputs, labels: [Int32]?, numbers: ArrayRows?,
    weights: [Float]?
  ) {
    (self.inputs, self.shape, self.outputs, self.labels) = (inputs, shape, outputs, labels)
    (self.numbers, self.weights) = (numbers, weights)
    var hash = SHA256()
    hash.update("\(inputs.count) \(inputs.shape) \(inputs.element) \(inputs.checksum)")
    if let labels { hash.update(" classes \(labels.withUnsafeBytes(Checksum.crc32))") }
    if let numbers { hash.update(" numbers \(numbers.shape) \(numbers.element) \(numbers.checksum)") }
    if let weights { hash.update(" weights \(weights.withUnsafeBytes(Checksum.crc32))") }
    digest = hash.digest
  }

  public var count: Int { inputs.count }

  public func batch(_ samples: [Int]) throws -> Batch {
    if let wrong = samples.first(where: { !(0..<count).contains($0) }) {
      throw TensorError("batch", "sample \(wrong) of \(count)")
    }
    var batch = Batch(
      inputs: try rows(of: inputs, samples, shape), targets: try targets(samples), samples: samples)
    batch.weights = weights.map { all in Tensor(samples.map { all[$0] }) }
    return batch
  }

  private func targets(_ samples: [Int]) throws -> Tensor {
    switch outputs {
    case .classes: return Tensor(samples.map { Int64(labels?[$0] ?? 0) })
    case .numbers(let width):
      guard let numbers else { return Tensor.full([samples.count, width], .nan) }
      return try rows(of: numbers, samples, [width])
    case .unknown: return Tensor.full([samples.count, 1], .nan)
    }
  }

  private func rows(of array: ArrayRows, _ samples: [Int], _ shape: [Int]) throws -> Tensor {
    let (result, width) = (Tensor(uninitializedFloats: Shape([samples.count] + shape)), array.width)
    try result.withFloats { rows in
      guard let target = rows.baseAddress else { return }
      for (row, sample) in samples.enumerated() { array.decode(sample, into: target + row * width) }
    }
    return result
  }
}
