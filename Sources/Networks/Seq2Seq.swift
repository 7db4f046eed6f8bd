import Tensors

/// How the book's sequence-to-sequence networks begin: weights by Xavier, biases as PyTorch has them.
private let xavier = Initializer.xavierUniform

/// Embedded tokens through layers of GRUs: the notes' `Seq2SeqEncoder`. Source: Sutskever et al. 2014, Cho et al. 2014.
public final class Seq2SeqEncoder: SequenceEncoder {
  private let embedding: Embedding
  private let rnn: Recurrent

  /// For words of a vocabulary, as vectors of such a width.
  public init(vocabulary: Int, width: Int, hidden: Int, layers: Int, dropout: Double = 0) {
    embedding = Embedding(vocabulary, width)
    rnn = Recurrent(.gru, width, hidden, layers: layers, dropout: dropout, weights: xavier)
  }

  /// `[batch, steps]` to outputs `[steps, batch, hidden]` and a state of `[layers, batch, hidden]`. Padding is read as well,
  /// as in the notes; whoever uses the outputs masks them by the lengths.
  public override func encode(_ source: Tensor, lengths: Tensor?) -> Encoding {
    let (outputs, state) = rnn.run(embedding(steps(of: source)))
    return Encoding(outputs: outputs, state: state, lengths: lengths)
  }
}

/// GRUs over each token together with the context: the encoder's last state of its last layer, the same at every step. The
/// notes' `Seq2SeqDecoder`; the notes' own prediction takes the decoder's state for the context, which its training never
/// saw, so here it stays the encoder's (as in the book's later editions).
public final class Seq2SeqDecoder: SequenceDecoder {
  private let embedding: Embedding
  private let rnn: Recurrent
  private let dense: Linear

  /// For words of a vocabulary, as vectors of such a width.
  public init(vocabulary: Int, width: Int, hidden: Int, layers: Int, dropout: Double = 0) {
    embedding = Embedding(vocabulary, width)
    rnn = Recurrent(.gru, width + hidden, hidden, layers: layers, dropout: dropout, weights: xavier)
    dense = Linear(hidden, vocabulary, weights: xavier)
  }

  public override func decode(_ tokens: Tensor, _ state: inout DecoderState) -> Tensor {
    let words = embedding(steps(of: tokens))
    let context = state.encoding.state.hidden[-1]
    let repeated = context.unsqueezed(0).expanded(to: [words.shape[0], context.shape[0], context.shape[1]])
    let (outputs, last) = rnn.run(Tensor.concatenate([words, repeated], axis: 2), from: state.recurrent)
    state.recurrent = last
    return dense(outputs)
  }
}

/// GRUs that at every step look at the encoder's outputs, by additive attention whose query is the last layer's state: the
/// notes' `Seq2SeqAttentionDecoder`. Source: Bahdanau et al. 2015.
public final class AttentionDecoder: SequenceDecoder {
  private let attention: AdditiveAttention
  private let embedding: Embedding
  private let rnn: Recurrent
  private let dense: Linear
  private var weights: [Tensor] = []

  /// For words of a vocabulary, as vectors of such a width.
  public init(vocabulary: Int, width: Int, hidden: Int, layers: Int, dropout: Double = 0) {
    attention = AdditiveAttention(keys: hidden, queries: hidden, hidden: hidden, dropout: dropout)
    embedding = Embedding(vocabulary, width)
    rnn = Recurrent(.gru, width + hidden, hidden, layers: layers, dropout: dropout, weights: xavier)
    dense = Linear(hidden, vocabulary, weights: xavier)
  }

  public override var attentionWeights: [Tensor] { weights }

  public override func decode(_ tokens: Tensor, _ state: inout DecoderState) -> Tensor {
    let words = embedding(steps(of: tokens))
    let values = state.encoding.outputs.transposed(0, 1)
    let keys = attention.projected(keys: values)
    weights = []
    var outputs: [Tensor] = []
    for step in 0..<words.shape[0] {
      let query = state.recurrent.hidden[-1].unsqueezed(1)
      let (context, shares) = attention.attend(
        query, projectedKeys: keys, values, lengths: state.encoding.lengths)
      let input = Tensor.concatenate([context.squeezed(1), words[step]], axis: 1)
      let (output, last) = rnn.run(input.unsqueezed(0), from: state.recurrent)
      state.recurrent = last
      weights.append(shares.detached().squeezed(1))
      outputs.append(output)
    }
    return dense(Tensor.concatenate(outputs, axis: 0))
  }
}

/// Tokens `[batch, steps]` in the order of recurrent layers, `[steps, batch]`.
private func steps(of tokens: Tensor) -> Tensor {
  guard tokens.rank == 2, !tokens.dtype.isFloat else {
    let error = TensorError("sequence", "needs integers [batch, steps], not \(tokens.dtype) \(tokens.shape)")
    return Tensor(fault: error, of: [tokens], [1, 1], .int64)
  }
  return tokens.to(.int64).transposed()
}
