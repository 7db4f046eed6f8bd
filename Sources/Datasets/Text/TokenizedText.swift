/// A text as the numbers of its characters or words.
public struct TokenizedText: Sendable {
  /// The text, as numbers of the vocabulary.
  public let tokens: [Int32]
  /// Tokens by falling frequency.
  public let counts: [(token: String, count: Int)]
  /// Rarer tokens are `<unk>`.
  public let minimumFrequency: Int
  /// The tokens by their number.
  public var vocabulary: Vocabulary { Vocabulary(counts: counts, minimumFrequency: minimumFrequency) }

  /// Counts and numbers the tokens of clean UTF-8; for bytes and byte pairs there is `TextConverter`.
  public init(_ text: [UInt8], _ kind: TokenKind, minimumFrequency: Int = 0) {
    let counter = TokenCounter(kind)
    var ids: [Int32] = []
    ids.reserveCapacity(kind == .char ? text.count : text.count / 5)
    text.withUnsafeBufferPointer { counter.count($0, into: &ids) }
    counter.finish(into: &ids)
    (self.minimumFrequency, counts) = (minimumFrequency, Vocabulary.byFrequency(counter.counts))
    let vocabulary = Vocabulary(counts: counts, minimumFrequency: minimumFrequency)
    tokens = TextNumbering(Tokenizer(kind, plain: vocabulary), counter).numbers(of: ids)
  }
}
