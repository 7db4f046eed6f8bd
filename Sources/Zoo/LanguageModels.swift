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

/// nanoGPT's, of sizes that one may choose; those of its recipe for processors unless said otherwise.
public func gpt(_ sizes: ModelSizes) -> GPT {
  GPT(
    vocabulary: sizes.vocabulary, context: sizes.context ?? 64, layers: sizes.layers ?? 4, heads: sizes.heads ?? 4,
    width: sizes.width ?? 128, dropout: sizes.dropout ?? 0)
}
