import Lockstep
import Zoo

/// Chapter 10.4: a decoder that looks at another part of the sentence for each word it writes.
func bahdanauChapter(_ page: Page) throws {
  try shapes(page)
  let pairs = try BookPairs(page)
  let network = seq2SeqWithAttention(pairs.sizes)
  try trainWithLibrary(page, "seq2seq-attention", network, pairs, epochs: pairs.epochs(page, quick: 3), bound: 0.035)

  let (english, _) = pairs.examples[3]
  let (text, weights) = try translate(english, network, pairs)
  let words = english.split(separator: " ").map(String.init) + [Vocabulary.end]
  let matrix = Tensor.stack(weights)
  let sums = try matrix.sum(1).values(as: Double.self)
  page.expect("each word's weights add up to 1", sums.allSatisfy { abs($0 - 1) < 1e-5 })
  let behind = try matrix[.all, words.count...].max().item()
  page.expect("and leave the padding out", behind == 0, "\(behind)")
  try page.drawHeatMap(
    "attention-translation", matrix[.all, ..<words.count], "source", "translation", columns: words,
    rows: Array((text.split(separator: " ").map(String.init) + [Vocabulary.end]).prefix(weights.count)))
}

/// Of the notes' small decoder; from scratch and the library's, which say the same.
private func shapes(_ page: Page) throws {
  let encoder = Seq2SeqEncoder(vocabulary: 10, width: 8, hidden: 16, layers: 2).evaluate()
  let decoder = OwnAttentionDecoder(vocabulary: 10, width: 8, hidden: 16, layers: 2).evaluate()
  let x = Tensor.zeros([4, 7], .int64)
  let encoding = try encoder.encode(x, lengths: nil)
  var state = try decoder.begin(encoding)
  let logits = try decoder.decode(x, &state)
  page.expect("outputs", logits.shape == [7, 4, 10], "\(logits.shape)")
  page.expect(
    "state: the encoder's outputs, those of the layers",
    state.encoding.outputs.shape == [7, 4, 16]
      && state.recurrent.hidden.shape == [2, 4, 16], "\(state.recurrent.hidden.shape)")

  let library = AttentionDecoder(vocabulary: 10, width: 8, hidden: 16, layers: 2).evaluate()
  try library.load(Dictionary(uniqueKeysWithValues: decoder.state.map { ($0.name, $0.tensor) }))
  for lengths in [nil, Tensor([3, 7, 1, 5] as [Int64])] {
    let encoding = try encoder.encode(x, lengths: lengths)
    var (first, second) = (try decoder.begin(encoding), try library.begin(encoding))
    let difference = try (decoder.decode(x, &first) - library.decode(x, &second)).abs().max().item()
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

  override func decode(_ tokens: Tensor, _ state: inout DecoderState) throws -> Tensor {
    let words = try embedding(tokens.transposed())
    let values = state.encoding.outputs.transposed(0, 1)
    let outputs = try (0..<words.shape[0]).map { step in
      let query = state.recurrent.hidden[-1].unsqueezed(1)
      let (context, _) = try attention.attend(query, values, values, lengths: state.encoding.lengths)
      let input = Tensor.concatenate([context, words[step].unsqueezed(1)], axis: 2)
      let (output, last) = try rnn.run(input.transposed(0, 1), from: state.recurrent)
      state.recurrent = last
      return output
    }
    return try dense(Tensor.concatenate(outputs))
  }
}
