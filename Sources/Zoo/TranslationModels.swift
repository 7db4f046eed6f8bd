import Networks
import Training

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
