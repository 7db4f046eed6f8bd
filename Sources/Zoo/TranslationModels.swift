import Networks

/// The book's encoder and decoder: two layers of 32 GRUs over words of 32 numbers. Tokens `[batch, steps]` to logits
/// `[steps, batch, words]`.
public func seq2Seq(_ sizes: ModelSizes) -> EncoderDecoder {
  EncoderDecoder(
    encoder(sizes),
    Seq2SeqDecoder(vocabulary: sizes.targetVocabulary, width: 32, hidden: 32, layers: 2, dropout: 0.1))
}

/// The same with a decoder that attends to the encoder's outputs.
public func seq2SeqWithAttention(_ sizes: ModelSizes) -> EncoderDecoder {
  EncoderDecoder(
    encoder(sizes),
    AttentionDecoder(vocabulary: sizes.targetVocabulary, width: 32, hidden: 32, layers: 2, dropout: 0.1))
}

private func encoder(_ sizes: ModelSizes) -> Seq2SeqEncoder {
  Seq2SeqEncoder(vocabulary: sizes.vocabulary, width: 32, hidden: 32, layers: 2, dropout: 0.1)
}

extension Recipe {
  /// Of the book's chapters on sequence to sequence learning: 300 epochs over 600 pairs.
  static let translation = Recipe(
    epochs: 300, batchSize: 64, learningRate: 0.005, optimizer: "adam", clipNorm: 1)
}

extension ModelSizes {
  /// Those of the first 600 pairs of English and French.
  static var bookPairs: ModelSizes {
    var sizes = ModelSizes()
    (sizes.vocabulary, sizes.targetVocabulary) = (188, 201)
    return sizes
  }
}
