import Foundation
import Lockstep
import Zoo

/// The notes' `load_data_nmt`: 600 pairs of the book's sentences, 10 words each.
struct BookPairs {
  let file: PairsFile
  let data: PairsDataset
  /// Whether results can be those of the notes.
  let isWhole: Bool
  /// A sentence each of which the notes say how it goes in French.
  let examples: [(english: String, french: String)]

  init(_ page: Page) throws {
    let text = try SentencePairs(page)
    var converter = PairsConverter(source: text.path)
    // A handful of sentences has hardly a word twice.
    (converter.maximumPairs, converter.minimumFrequency) = (600, text.isWhole ? 2 : 1)
    let path = "\(page.workFolder)/pairs.h5"
    _ = try converter.convert(to: path)
    file = try PairsFile.open(path)
    (data, isWhole) = (file.dataset(), text.isWhole)
    examples = [
      ("go .", "va !"), ("i lost .", "j'ai perdu ."), ("he's calm .", "il est calme ."),
      ("i'm home .", "je suis chez moi ."),
    ]
  }

  var sizes: ModelSizes {
    var sizes = ModelSizes()
    (sizes.vocabulary, sizes.targetVocabulary) = (file.sourceVocabulary.count, file.targetVocabulary.count)
    return sizes
  }

  /// The notes' 300, cut short in a quick run; a handful of sentences is one minibatch.
  func epochs(_ page: Page, quick: Int) -> Int { page.isQuick ? (isWhole ? quick : 10 * quick) : 300 }

  func translator(_ network: EncoderDecoder) -> Translator {
    Translator(
      model: network, sourceVocabulary: file.sourceVocabulary, targetVocabulary: file.targetVocabulary,
      steps: file.steps)
  }

  var begin: Int { file.targetVocabulary[Vocabulary.begin] }
}

/// The notes' `sequence_mask`: `[batch, steps, …]` with `value` behind the first `lengths` steps of each row.
func sequenceMask(_ x: Tensor, _ lengths: Tensor, value: Double = 0) -> Tensor {
  let mask = Tensor.arange(x.shape[1]).unsqueezed(0) < lengths.unsqueezed(1)
  let ones = [Int](repeating: 1, count: x.rank - 2)
  return x.chosen(where: mask.reshaped(Shape(mask.shape.extents + ones)), else: Tensor.full([], value, x.dtype))
}

/// The notes' `MaskedSoftmaxCELoss`: the mean over all steps of each row, padding counted as 0. Logits `[batch, steps, words]`,
/// labels `[batch, steps]`, lengths `[batch]`, losses `[batch]`.
func maskedLoss(_ logits: Tensor, _ labels: Tensor, _ lengths: Tensor) -> Tensor {
  let losses = crossEntropy(
    logits.reshaped([-1, logits.shape[2]]), labels.reshaped([-1]), reduction: .none)
  return (losses.reshaped(labels.shape) * sequenceMask(Tensor.ones(labels.shape), lengths)).mean(1)
}

/// The notes' `train_seq2seq`: Adam on the sum of a batch's losses, clipped; what the notes print, after each epoch.
func trainTranslation(
  _ page: Page, _ network: EncoderDecoder, _ pairs: BookPairs, epochs: Int, learningRate: Double = 0.005
) -> [Tensor] {
  network.initializeAll(seed: 0)
  network.train()
  let optimizer = Adam([ParameterGroup(network.namedParameters, learningRate: learningRate)])
  let parameters = network.namedParameters.map(\.tensor)
  return page.epochs(epochs).map { epoch in
    var (sum, words) = (Tensor.zeros([]), Tensor.zeros([]))
    for batch in page.batches(of: pairs.data, 64, epoch: epoch) {
      guard let lengths = batch.targetLengths else { continue }
      let (rows, steps) = (batch.targets.shape[0], batch.targets.shape[1])
      let first = Tensor.full([rows, 1], Double(pairs.begin), .int64)
      let inputs = Tensor.concatenate([first, batch.targets[.all, ..<(steps - 1)]], axis: 1)
      optimizer.clearGradients()
      let logits = network.logits(source: batch.inputs, lengths: batch.inputLengths, inputs: inputs)
      let loss = maskedLoss(logits.transposed(0, 1), batch.targets, lengths).sum()
      page.backward(loss)
      gradientClipping(parameters, 1)
      page.step(optimizer)
      sum = sum + loss.detached()
      words = words + lengths.sum().to(.float32)
    }
    return sum / words
  }
}

/// The notes' `predict_seq2seq`: the most probable word at each step, until `<eos>`; and how each looked at the source,
/// `[source steps]`.
func translate(
  _ page: Page, _ sentence: String, _ network: EncoderDecoder, _ pairs: BookPairs
) -> (text: String, weights: [Tensor]) {
  let (file, target) = (pairs.file, pairs.file.targetVocabulary)
  let words = (sentence.split(separator: " ").map(String.init) + [Vocabulary.end]).prefix(file.steps)
  let padding = [String](repeating: Vocabulary.padding, count: file.steps - words.count)
  let source = Tensor([(words + padding).map { Int64(file.sourceVocabulary[$0]) }])
  network.evaluate()
  return withoutGradient {
    var state = network.decoder.begin(
      network.encoder.encode(source, lengths: Tensor([Int64(words.count)])))
    var (tokens, weights): ([Int], [Tensor]) = ([], [])
    for _ in 0..<file.steps {
      let next = network.decoder.decode(Tensor([[Int64(tokens.last ?? pairs.begin)]]), &state).argmax()
      guard let token = page.tokens(next).first else { break }
      weights += network.decoder.attentionWeights.map { $0.squeezed(0) }
      if target.tokens[token] == Vocabulary.end { break }
      tokens.append(token)
    }
    return (tokens.map { target.tokens[$0] }.joined(separator: " "), weights)
  }
}

/// Of the predicted runs of n words, for n = 1 to `longest`, the shares that the label has as well, each used once.
func precisions(_ predicted: String, _ label: String, longest: Int) -> [Double] {
  let (found, wanted) = (predicted.split(separator: " ").map(String.init), label.split(separator: " ").map(String.init))
  return (1...longest).filter { $0 <= found.count }.map { length in
    var left = Dictionary(uniqueKeysWithValues: Vocabulary.count(nGrams(wanted, length: length)).map { ($0, $1) })
    let runs = nGrams(found, length: length)
    let hits = runs.count { run in
      guard let count = left[run], count > 0 else { return false }
      left[run] = count - 1
      return true
    }
    return Double(hits) / Double(runs.count)
  }
}

/// The notes' `bleu`: `exp(min(0, 1 - words of the label / words predicted)) · Π pₙ^(1/2ⁿ)`.
func bleuFromScratch(_ predicted: String, _ label: String, longest: Int) -> Double {
  let (found, wanted) = (predicted.split(separator: " ").count, label.split(separator: " ").count)
  if found == 0 { return 0 }
  let shares = precisions(predicted, label, longest: min(longest, found))
  let short = exp(min(0, 1 - Double(wanted) / Double(found)))
  return shares.enumerated().reduce(short) { $0 * pow($1.element, pow(0.5, Double($1.offset + 1))) }
}

extension Page {
  /// Translates the notes' four sentences; a well trained network knows at least the first two.
  func judge(_ what: String, _ network: EncoderDecoder, _ pairs: BookPairs, isTrained: Bool) {
    let translator = pairs.translator(network)
    var (scores, isSame): ([Double], Bool) = ([], true)
    for (english, french) in pairs.examples {
      func text(_ width: Int) -> String {
        attempt { try translator.beam(Sentence.words(english), width: width).text } ?? ""
      }
      let (found, greedy, wide) = (translate(self, english, network, pairs).text, text(1), text(4))
      isSame = isSame && found == greedy
      scores.append(bleuFromScratch(found, french, longest: 2))
      show("  \(english) => \(found), bleu \(scores[scores.count - 1]); with a beam of 4: \(wide)")
    }
    expect("\(what): the library translates the same", isSame)
    if isTrained { expect("\(what): the first two as the notes'", scores[0] == 1 && scores[1] == 1, "\(scores)") }
  }
}
