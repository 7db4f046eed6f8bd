import Foundation
import Lockstep
import Zoo

/// Chapter 10.7: an encoder and a decoder of nothing but attention and dense layers.
func transformerChapter(_ page: Page, _ pairs: BookPairs) {
  normalizations(page)
  shapes(page)
  let sizes = transformerSizes(pairs)
  let network = transformer(sizes)
  let epochs = page.isQuick ? pairs.epochs(page, quick: 3) : 200
  trainWithLibrary(page, "transformer", network, pairs, epochs: epochs, bound: 0.04)
  if !page.isQuick { besideRecurrent(page, network, pairs) }
  drawHeads(page, network, pairs)
}

/// Two rows of two numbers, along the rows and down the columns.
private func normalizations(_ page: Page) {
  let x = Tensor([[1, 2], [2, 3]] as [[Float]])
  page.compare("layer norm", LayerNorm(2)(x).reshaped([-1]), notes: [-1, 1, -1, 1], within: 1e-4)
  page.compare("batch norm", BatchNorm1D(2)(x).reshaped([-1]), notes: [-1, -1, 1, 1], within: 1e-4)
}

private func shapes(_ page: Page) {
  let lengths = Tensor([3, 2] as [Int64])
  let encoder = TransformerEncoder(vocabulary: 200, width: 24, heads: 8, hidden: 48, layers: 2, dropout: 0.5).evaluate()
  let encoding = encoder.encode(Tensor.ones([2, 100], .int64), lengths: lengths)
  page.expect("the encoder's outputs", encoding.outputs.shape == [100, 2, 24], "\(encoding.outputs.shape)")
  let decoder = TransformerDecoder(vocabulary: 10, width: 24, heads: 8, hidden: 48, layers: 2, dropout: 0.5).evaluate()
  let tokens = Tensor([[1, 5, 2, 7], [3, 3, 9, 0]] as [[Int64]])
  var state = decoder.begin(encoding)
  let whole = decoder.decode(tokens, &state)
  page.expect("the decoder's outputs", whole.shape == [4, 2, 10], "\(whole.shape)")
  var again = decoder.begin(encoding)
  let single = Tensor.concatenate((0..<4).map { decoder.decode(tokens[.all, $0..<($0 + 1)], &again) })
  page.compare("word by word the same, largest difference", distance(single, whole), notes: 0, within: 1e-4)
}

private func transformerSizes(_ pairs: BookPairs) -> ModelSizes {
  var sizes = pairs.sizes
  sizes.width = 32
  return sizes
}

/// The mean BLEU over the first pairs, beside that of two recurrent networks, one without attention.
private func besideRecurrent(_ page: Page, _ network: EncoderDecoder, _ pairs: BookPairs) {
  let (simple, attending) = (seq2Seq(pairs.sizes), seq2SeqWithAttention(pairs.sizes))
  for (name, other) in [("seq2seq", simple), ("seq2seq-attention", attending)] {
    trainWithLibrary(page, name, other, pairs, epochs: pairs.epochs(page, quick: 3), bound: 0.04)
  }
  for (name, model) in [("transformer", network), ("seq2seq", simple), ("seq2seq-attention", attending)] {
    page.show("  \(name): mean bleu \(String(format: "%.3f", meanBleu(page, model, pairs))) of the first 100 pairs")
  }
}

private func meanBleu(_ page: Page, _ network: EncoderDecoder, _ pairs: BookPairs) -> Double {
  let (file, data) = (pairs.file, pairs.data)
  let translator = pairs.translator(network)
  let (count, end) = (min(100, data.count), file.targetVocabulary[Vocabulary.end])
  let scores = (0..<count).map { row -> Double in
    let start = row * data.steps
    let source = data.source[start..<start + Int(data.sourceLengths[row])].map { Int($0) }
    let target = data.target[start..<start + Int(data.targetLengths[row])].map { Int($0) }.filter { $0 != end }
    let wanted = target.map { file.targetVocabulary.tokens[$0] }.joined(separator: " ")
    return page.attempt { bleu(try translator.beam(tokens: source, width: 1).text, wanted, k: 2) } ?? 0
  }
  return scores.reduce(0, +) / Double(max(count, 1))
}

/// How the heads of each block look: the source at itself, the translation at what is written and at the source.
private func drawHeads(_ page: Page, _ network: EncoderDecoder, _ pairs: BookPairs) {
  let (english, _) = pairs.examples[3]
  let words = english.split(separator: " ").map(String.init) + [Vocabulary.end]
  let (text, _) = translate(page, english, network, pairs)
  let tokens = words.map { pairs.file.sourceVocabulary[$0] }
  let written = text.split(separator: " ").map(String.init)
  guard let looks = page.attempt({ try pairs.translator(network).looks(of: tokens, writing: written) }) ?? nil
  else { return page.expect("a Transformer", false) }
  for (block, weights) in looks.decoder.enumerated() {
    page.compare("block \(block): weights add up to", weights.source.sum(-1).mean(), notes: 1, within: 1e-5)
    page.compare("and leave the padding out", weights.source[.all, .all, words.count...].max(), notes: 0, within: 0)
    if looks.written.count > 1 {
      page.compare("nobody sees the future", weights.own[.all, 0, 1...].max(), notes: 0, within: 0)
    }
  }
  guard let picture = page.attempt({ try looks.picture() }) else { return }
  page.draw("transformer-heads", picture.script, size: picture.size)
}
