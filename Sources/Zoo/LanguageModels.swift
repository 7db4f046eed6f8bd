import Networks
import Tensors
import Training

/// The book's language models: 256 hidden units over one-hot tokens, then a dense layer. Tokens `[batch, steps]` to logits
/// `[steps · batch, vocabulary]`.
public func characterModel(
  _ cell: Recurrent.Cell, _ sizes: ModelSizes, layers: Int = 1, isBidirectional: Bool = false
) -> LanguageModel {
  LanguageModel(
    Recurrent(cell, sizes.vocabulary, 256, layers: layers, isBidirectional: isBidirectional),
    vocabulary: sizes.vocabulary)
}

extension SequenceModel {
  /// Continues a text greedily, as the notes' `predict_ch8`: `length` further tokens.
  public func generate(_ prefix: [Int], length: Int) throws -> [Int] {
    guard !prefix.isEmpty, length >= 0 else { throw TensorError("generate", "an empty prefix has no next token") }
    return try withoutGradient {
      var (logits, state) = run(Tensor([prefix.map(Int64.init)]), from: nil)
      var tokens = prefix
      for index in 0..<length {
        tokens.append(Int(try logits[-1].argmax().item()))
        if index < length - 1 { (logits, state) = run(Tensor([[Int64(tokens[tokens.count - 1])]]), from: state) }
      }
      return tokens
    }
  }
}
