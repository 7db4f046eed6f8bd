import Datasets
import Networks
import Tensors

/// What a translator makes of a sentence.
public struct Decoded {
  /// Without `<eos>`.
  public let words: [String]
  /// `ln` of the probability of all tokens, `<eos>` included.
  public let logProbability: Double
  /// Whether the sentence ended, and was not cut at the most steps.
  public let isEnded: Bool
  /// How each token, `<eos>` included, looked at each of the source's; empty without attention.
  public let attention: [[Double]]

  /// The words, with blanks between them.
  public var text: String { words.joined(separator: " ") }
}

/// Translates sentences with a trained encoder and decoder.
public struct Translator {
  /// Encoder and decoder.
  public let model: EncoderDecoder
  /// The words that are read.
  public let sourceVocabulary, targetVocabulary: Vocabulary
  /// The most tokens of a sentence, `<eos>` included, and what each is padded to, as in training.
  public let steps: Int

  /// Translates sentences of at most so many words.
  public init(model: EncoderDecoder, sourceVocabulary: Vocabulary, targetVocabulary: Vocabulary, steps: Int) {
    (self.model, self.steps) = (model, steps)
    (self.sourceVocabulary, self.targetVocabulary) = (sourceVocabulary, targetVocabulary)
  }

  /// The most probable word at each step.
  public func greedy(_ words: [String]) throws -> Decoded { try beam(words, width: 1) }

  /// The best sentence that a beam finds; words that the vocabulary lacks are read as `<unk>`.
  ///
  /// - Parameters:
  ///   - words: as `Sentence.words` makes them.
  ///   - width: sentences that are followed at once (`BeamSearch`).
  ///   - lengthPenalty: the power of the length that scores are divided by; more favours long sentences.
  /// - Throws: `InputError` for a sentence without words or longer than the model's.
  public func beam(_ words: [String], width: Int, lengthPenalty: Double = 0.75) throws -> Decoded {
    guard words.count < steps else {
      let text = words.joined(separator: " ")
      throw InputError(
        "\"\(text.prefix(40))\(text.count > 40 ? "…" : "")\"",
        "has \(words.count) words, but the model takes \(steps - 1) before \(Vocabulary.end)")
    }
    if words.isEmpty { throw InputError("sentence", "is empty, expected 1 to \(steps - 1) words") }
    return try beam(
      tokens: (words + [Vocabulary.end]).map { sourceVocabulary[$0] }, width: width, lengthPenalty: lengthPenalty)
  }

  /// The same for the numbers of the words, with that of `<eos>`.
  public func beam(tokens: [Int], width: Int, lengthPenalty: Double = 0.75) throws -> Decoded {
    guard (1...max(steps, 1)).contains(tokens.count) else {
      throw InputError("sentence", "has \(tokens.count) tokens, but the model takes 1 to \(steps)")
    }
    let (source, length) = padded(tokens)
    let end = targetVocabulary[Vocabulary.end]
    let search = BeamSearch(
      width: width, lengthPenalty: lengthPenalty, begin: targetVocabulary[Vocabulary.begin], end: end,
      words: targetVocabulary.count, steps: steps)
    let wasTraining = model.isTraining
    model.evaluate()
    defer { model.train(wasTraining) }
    let best = try withoutGradient { try search.best(model.decoder, model.encoder.encode(source, lengths: length)) }
    let isEnded = best.tokens.last == end
    return Decoded(
      words: best.tokens.dropLast(isEnded ? 1 : 0).map { targetVocabulary.tokens[$0] },
      logProbability: best.logProbability, isEnded: isEnded,
      attention: best.attention.map { Array($0.prefix(tokens.count)) })
  }

  /// A batch of one sentence as in training, and its length.
  func padded(_ tokens: [Int]) -> (source: Tensor, length: Tensor) {
    let padding = [Int](repeating: sourceVocabulary[Vocabulary.padding], count: max(steps - tokens.count, 0))
    return (Tensor([(tokens + padding).map(Int64.init)]), Tensor([Int64(tokens.count)]))
  }
}
