import Lockstep
import Zoo

/// Chapter 10.4: a decoder that looks at another part of the sentence for each word it writes.
func bahdanauChapter(_ page: Page, _ pairs: BookPairs) {
  shapes(page)
  let network = seq2SeqWithAttention(pairs.sizes)
  trainWithLibrary(page, "seq2seq-attention", network, pairs, epochs: pairs.epochs(page, quick: 3), bound: 0.035)

  let (english, _) = pairs.examples[3]
  let (text, weights) = translate(page, english, network, pairs)
  let words = english.split(separator: " ").map(String.init) + [Vocabulary.end]
  let matrix = Tensor.stack(weights)
  page.compare("each word's weights add up to 1", matrix.sum(1), notes: weights.map { _ in 1 })
  page.compare("and leave the padding out", matrix[.all, words.count...].max(), notes: 0, within: 0)
  page.drawHeatMap(
    "attention-translation", matrix[.all, ..<words.count], "source", "translation", columns: words,
    rows: Array((text.split(separator: " ").map(String.init) + [Vocabulary.end]).prefix(weights.count)))
}

/// Of the notes' small decoder; from scratch and the library's, which say the same.
private func shapes(_ page: Page) {
  let encoder = Seq2SeqEncoder(vocabulary: 10, width: 8, hidden: 16, layers: 2).evaluate()
  let decoder = OwnAttentionDecoder(vocabulary: 10, width: 8, hidden: 16, layers: 2).evaluate()
  let x = Tensor.zeros([4, 7], .int64)
  let encoding = encoder.encode(x, lengths: nil)
  var state = decoder.begin(encoding)
  let logits = decoder.decode(x, &state)
  page.expect("outputs", logits.shape == [7, 4, 10], "\(logits.shape)")
  page.expect(
    "state: the encoder's outputs, those of the layers",
    state.encoding.outputs.shape == [7, 4, 16]
      && state.recurrent.hidden.shape == [2, 4, 16], "\(state.recurrent.hidden.shape)")

  let library = AttentionDecoder(vocabulary: 10, width: 8, hidden: 16, layers: 2).evaluate()
  page.copy(decoder, to: library)
  for lengths in [nil, Tensor([3, 7, 1, 5] as [Int64])] {
    let encoding = encoder.encode(x, lengths: lengths)
    var (first, second) = (decoder.begin(encoding), library.begin(encoding))
    let difference = distance(decoder.decode(x, &first), library.decode(x, &second))
    page.compare("the library's, largest difference", difference, notes: 0, within: 1e-5)
  }
}

/// The notes' `Seq2SeqAttentionDecoder`: the query is the last layer's state, keys and values are the encoder's outputs.
private final class OwnAttentionDecoder: SequenceDecoder {
  let attention: OwnAdditiveAttention
  let embedding: Embedding
  let rnn: Recurrent
  let dense: Linear

  init(vocabulary: Int, width: Int, hidden: Int, layers: Int) {
    attention = OwnAdditiveAttention(keys: hidden, queries: hidden, hidden: hidden)
    embedding = Embedding(vocabulary, width)
    rnn = Recurrent(.gru, width + hidden, hidden, layers: layers)
    dense = Linear(hidden, vocabulary)
  }

  override func decode(_ tokens: Tensor, _ state: inout DecoderState) -> Tensor {
    let words = embedding(tokens.transposed())
    let values = state.encoding.outputs.transposed(0, 1)
    let outputs = (0..<words.shape[0]).map { step in
      let query = state.recurrent.hidden[-1].unsqueezed(1)
      let (context, _) = attention.attend(query, values, values, lengths: state.encoding.lengths)
      let input = Tensor.concatenate([context, words[step].unsqueezed(1)], axis: 2)
      let (output, last) = rnn.run(input.transposed(0, 1), from: state.recurrent)
      state.recurrent = last
      return output
    }
    return dense(Tensor.concatenate(outputs))
  }
}
