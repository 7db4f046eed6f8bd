import Datasets
import Networks
import Tensors

/// Cross-entropy of each next word of a translation, given the words before it (teacher forcing). Padding behind a sentence
/// does not count: losses and gradients are means over the words of all ranks, `<eos>` included.
///
/// The notes take the mean over all steps of a sentence, padding included as zeros, and print the sum of that over the number
/// of words: a figure smaller by the number of steps, shown here as `book_loss`. Their gradients are larger than a mean's by
/// the batch's words over the steps. Adam does not see such a factor; clipping to a norm does, so it cuts theirs more often.
public struct Translation: Objective {
  /// The number of `<bos>` among the target's words.
  private let begin: Int64
  /// Of a sentence, padding included.
  private let steps: Int

  /// - Parameters:
  ///   - begin: the number of `<bos>` among the target's words.
  ///   - steps: of a sentence, padding included.
  public init(begin: Int, steps: Int) { (self.begin, self.steps) = (Int64(begin), steps) }

  public func measures(of totals: Totals) -> [Measure] {
    [Measure("loss", totals.meanLoss), Measure("book_loss", totals.meanLoss / Double(max(steps, 1)))]
  }

  public var unit: String { "tokens" }

  /// Logits of the words, given those before them.
  public func outputs(of model: Module, on batch: Batch) throws -> Tensor {
    let model = try Self.encoderDecoder(model)
    guard batch.targetLengths != nil, batch.targets.rank == 2 else {
      throw TensorError("translation", "a batch without lengths of its targets \(batch.targets.shape)")
    }
    let first = Tensor.full([batch.targets.shape[0], 1], Double(begin), .int64)
    let inputs = Tensor.concatenate([first, batch.targets[0..., ..<(batch.targets.shape[1] - 1)]], axis: 1)
    return model.logits(source: batch.inputs, lengths: batch.inputLengths, inputs: inputs)
  }

  static func encoderDecoder(_ model: Module) throws -> EncoderDecoder {
    guard let model = model as? EncoderDecoder else {
      throw TensorError("translation", "\(type(of: model)) is no EncoderDecoder")
    }
    return model
  }

  public func loss(of logits: Tensor, on batch: Batch) throws -> (sum: Tensor, totals: Totals) {
    guard let lengths = batch.targetLengths else {
      throw TensorError("translation", "a batch without lengths of its targets \(batch.targets.shape)")
    }
    let loss = maskedCrossEntropy(logits, batch.targets, lengths: lengths, reduction: .sum)
    let words = try lengths.values(as: Double.self).reduce(0, +)
    return (loss, Totals(sums, [try loss.item(), words]))
  }
}
