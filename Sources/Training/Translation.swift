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

  public init(begin: Int, steps: Int) { (self.begin, self.steps) = (Int64(begin), steps) }

  public func measures(of totals: Totals) -> [Measure] {
    [Measure("loss", totals.meanLoss), Measure("book_loss", totals.meanLoss / Double(max(steps, 1)))]
  }

  public var unit: String { "tokens" }

  public func evaluate(_ model: Module, _ batch: Batch) throws -> (lossSum: Tensor, totals: Totals) {
    guard let model = model as? EncoderDecoder else {
      throw TensorError("translation", "\(type(of: model)) is no EncoderDecoder")
    }
    guard let lengths = batch.targetLengths, batch.targets.rank == 2 else {
      throw TensorError("translation", "a batch without lengths of its targets \(batch.targets.shape)")
    }
    let first = Tensor.full([batch.targets.shape[0], 1], Double(begin), .int64)
    let inputs = Tensor.concatenate([first, batch.targets[0..., ..<(batch.targets.shape[1] - 1)]], axis: 1)
    let logits = model.logits(source: batch.inputs, lengths: batch.inputLengths, inputs: inputs)
    let loss = maskedCrossEntropy(logits, batch.targets, lengths: lengths, reduction: .sum)
    let words = try lengths.values(as: Double.self).reduce(0, +)
    return (loss, Totals(loss: try loss.item(), hits: 0, samples: words))
  }
}
