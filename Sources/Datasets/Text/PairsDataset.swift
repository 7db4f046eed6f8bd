import HDF5Files
import Tensors

/// Sentences and their translations, as numbers of words. Inputs (the source) and targets are int64 `[batch, steps]`, padded,
/// with their lengths int64 `[batch]`. Samples count as many times as their target has tokens, `<eos>` included.
public struct PairsDataset: DigestedDataset {
  /// Words of a sentence, padding included.
  public let steps: Int
  public let count: Int
  public let digest: String
  /// `[count, steps]` in row-major order.
  public let source, target: [Int32]
  /// `[count]`, each in `1...steps`.
  public let sourceLengths, targetLengths: [Int32]

  /// - Throws: `TensorError` for arrays that don't fit one another, and for lengths out of `1...steps`.
  public init(
    source: [Int32], sourceLengths: [Int32], target: [Int32], targetLengths: [Int32], steps: Int
  ) throws {
    let count = sourceLengths.count
    guard steps > 0, targetLengths.count == count, source.count == count * steps, target.count == source.count else {
      throw TensorError(
        "pairs",
        "\(source.count) and \(target.count) tokens and \(count) and \(targetLengths.count) lengths are no pairs of \(steps)"
      )
    }
    if let wrong = (sourceLengths + targetLengths).first(where: { $0 < 1 || $0 > steps }) {
      throw TensorError("pairs", "a sentence of length \(wrong), expected 1...\(steps)")
    }
    (self.source, self.sourceLengths, self.target, self.targetLengths) = (source, sourceLengths, target, targetLengths)
    (self.steps, self.count) = (steps, count)
    var hash = SHA256()
    hash.update("\(count) \(steps)")
    for values in [source, sourceLengths, target, targetLengths] {
      hash.update(" \(values.withUnsafeBytes(Checksum.crc32))")
    }
    digest = hash.digest
  }

  public func weight(of samples: [Int]) -> Int { samples.reduce(0) { $0 + Int(targetLengths[$1]) } }

  public func batch(_ samples: [Int]) throws -> Batch {
    if let wrong = samples.first(where: { !(0..<count).contains($0) }) {
      throw TensorError("batch", "sample \(wrong) of \(count)")
    }
    var batch = Batch(
      inputs: try rows(samples, of: source), targets: try rows(samples, of: target), samples: samples)
    batch.inputLengths = Tensor(samples.map { Int64(sourceLengths[$0]) })
    batch.targetLengths = Tensor(samples.map { Int64(targetLengths[$0]) })
    return batch
  }

  private func rows(_ samples: [Int], of tokens: [Int32]) throws -> Tensor {
    var values: [Int64] = []
    values.reserveCapacity(samples.count * steps)
    for sample in samples { for token in tokens[sample * steps..<(sample + 1) * steps] { values.append(Int64(token)) } }
    return Tensor(values, shape: [samples.count, steps])
  }
}
