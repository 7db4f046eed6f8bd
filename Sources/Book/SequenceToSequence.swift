import Lockstep
import Zoo

/// Chapters 9.6 and 9.7: an encoder and a decoder learn to translate.
func sequenceToSequenceChapter(_ page: Page, _ pairs: BookPairs) {
  shapes(page)
  masks(page)
  let (predicted, label) = ("a b b c d", "a b c d e f")
  let shares = precisions(predicted, label, longest: 4)
  page.compare("p1 to p4 of ABBCD for ABCDEF", Tensor(shares), notes: [0.8, 0.75, 1.0 / 3, 0])
  let (own, library) = (bleuFromScratch(predicted, label, longest: 3), bleu(predicted, label, k: 3))
  page.expect("BLEU of runs of up to 3 words, the library's", abs(own - library) < 1e-12, "\(own), \(library)")
  page.compare("BLEU of a sentence itself", bleuFromScratch(label, label, longest: 4), notes: 1, within: 1e-9)

  let epochs = pairs.epochs(page, quick: 4)
  let network = seq2Seq(pairs.sizes)
  let losses = page.numbers(.stack(trainTranslation(page, network, pairs, epochs: epochs)))
  judge(page, "seq2seq from scratch", losses)
  page.judge("seq2seq from scratch", network, pairs, isTrained: !page.isQuick)
  trainWithLibrary(page, "seq2seq", seq2Seq(pairs.sizes), pairs, epochs: epochs, bound: 0.03)
}

/// The same training with the library's objective and trainer.
func trainWithLibrary(
  _ page: Page, _ name: String, _ network: EncoderDecoder, _ pairs: BookPairs, epochs: Int, bound: Double
) {
  let configuration = Configuration(
    model: name, epochs: epochs, batchSize: 64, learningRate: 0.005, optimizer: .adam, clipNorm: 1)
  let objective = Translation(begin: pairs.begin, steps: pairs.file.steps)
  let history = page.fit(network, objective, configuration, pairs.data)
  let losses = history.epochs.map { $0.train.meanLoss / Double(pairs.file.steps) }
  page.show("  \(Int(history.epochs.last?.examplesPerSecond ?? 0)) tokens/s")
  judge(page, name, losses)
  if !page.isQuick {
    page.expect("\(name): loss at most \(bound)", (losses.last ?? .nan) <= bound, "\(losses.last ?? .nan)")
  }
  page.judge(name, network, pairs, isTrained: !page.isQuick)
}

private func judge(_ page: Page, _ name: String, _ losses: [Double]) {
  let (first, last) = (losses.first ?? .nan, losses.last ?? .nan)
  page.expect("\(name): the loss falls", last < 0.9 * first, "from \(first) to \(last)")
  page.draw(
    "loss-\(name.replacing(" ", with: "-"))", "epoch", "loss",
    [Curve("train", losses.enumerated().map { (Double($0.offset + 1), $0.element) })])
}

/// Of the notes' small encoder and decoder. The library's steps come before the batch, so that none is copied.
private func shapes(_ page: Page) {
  let encoder = Seq2SeqEncoder(vocabulary: 10, width: 8, hidden: 16, layers: 2).evaluate()
  let decoder = Seq2SeqDecoder(vocabulary: 10, width: 8, hidden: 16, layers: 2).evaluate()
  let x = Tensor.zeros([4, 7], .int64)
  let encoding = encoder.encode(x, lengths: nil)
  page.expect("the encoder's outputs", encoding.outputs.shape == [7, 4, 16], "\(encoding.outputs.shape)")
  page.expect("the encoder's state", encoding.state.hidden.shape == [2, 4, 16], "\(encoding.state.hidden.shape)")
  var state = decoder.begin(encoding)
  let logits = decoder.decode(x, &state).transposed(0, 1)
  page.expect("the decoder's outputs", logits.shape == [4, 7, 10], "\(logits.shape)")
  page.expect("the decoder's state", state.recurrent.hidden.shape == [2, 4, 16], "\(state.recurrent.hidden.shape)")
}

/// What is behind the end of a sentence does not count.
private func masks(_ page: Page) {
  let x = Tensor([[1, 2, 3], [4, 5, 6]] as [[Float]])
  page.compare("masked", sequenceMask(x, Tensor([1, 2] as [Int64])), notes: [1, 0, 0, 4, 5, 0])
  let other = sequenceMask(Tensor.ones([2, 3, 4]), Tensor([1, 2] as [Int64]), value: -1)
  page.compare("with -1 behind the end", other[.all, .all, 0], notes: [1, -1, -1, 1, 1, -1])

  let (logits, labels) = (Tensor.ones([3, 4, 10]), Tensor.ones([3, 4], .int64))
  let lengths = Tensor([4, 2, 0] as [Int64])
  let notes = [2.3026, 1.1513, 0]
  page.compare("masked losses", maskedLoss(logits, labels, lengths), notes: notes, within: 1e-4)
  let library = maskedCrossEntropy(logits.transposed(0, 1), labels, lengths: lengths, reduction: .none).mean(1)
  page.compare("the library's", library, notes: notes, within: 1e-4)
}
