/// What a token of a text is.
public enum TokenKind: String, Sendable, CaseIterable {
  /// A Unicode character (scalar), of any alphabet.
  case char
  /// What stands between blanks.
  case word
  /// A byte, of any text as it is.
  case byte
  /// Bytes that often come together, of any text as it is: byte-pair encoding.
  case bpe

  /// What several of them are called.
  public var plural: String {
    switch self {
    case .char: "characters"
    case .word: "words"
    case .byte: "bytes"
    case .bpe: "byte-pair tokens"
    }
  }
  /// Whether any text can be spelt, be it UTF-8 or not.
  var isOfBytes: Bool { self == .byte || self == .bpe }
}

/// Makes numbers of a text, and a text of numbers.
public struct Tokenizer: Sendable {
  /// What a token is.
  public let kind: TokenKind
  /// The tokens by their number.
  public let vocabulary: Vocabulary
  /// What makes tokens of bytes, where these are what tokens are made of.
  let pairs: BytePairs?
  /// Of byte pairs: both tokens with a blank between, in the order in which they were learnt. nil of other kinds.
  public let merges: [String]?

  /// As files and checkpoints keep it; merges are of byte pairs alone.
  ///
  /// - Throws: `InputError` that names `path` for merges that don't fit the vocabulary.
  public init(_ kind: TokenKind, _ vocabulary: Vocabulary, merges: [String]? = nil, path: String) throws {
    let known = kind == .bpe ? merges ?? [] : []
    self.init(kind, vocabulary, kind.isOfBytes ? try BytePairs(known, vocabulary, path: path) : nil)
  }

  /// Of characters or words.
  init(_ kind: TokenKind, plain vocabulary: Vocabulary) { self.init(kind, vocabulary, nil) }

  private init(_ kind: TokenKind, _ vocabulary: Vocabulary, _ pairs: BytePairs?) {
    (self.kind, self.vocabulary, self.pairs) = (kind, vocabulary, pairs)
    merges = kind == .bpe ? pairs?.spelled(vocabulary.tokens) : nil
  }

  /// Of counted tokens: those that came `minimumFrequency` times, or of byte pairs as many as are wanted.
  ///
  /// - Throws: `InputError` that names `path` for a text too large for byte pairs.
  init(
    learning counter: TokenCounter, _ kind: TokenKind, minimumFrequency: Int, vocabularyCount: Int, path: String,
    progress: (Double) -> Void = { _ in }
  ) throws {
    switch kind {
    case .char, .word:
      self.init(kind, plain: Vocabulary(counts: counter.counts, minimumFrequency: minimumFrequency))
    case .byte: try self.init(kind, Vocabulary([Vocabulary.unknown] + ByteAlphabet.tokens), path: path)
    case .bpe:
      var learning = try BytePairLearning(counter.table, path: path)
      learning.learn(
        vocabularyCount: vocabularyCount, minimumFrequency: minimumFrequency, progress: progress)
      let pairs = BytePairs(learning.merges, tokensOfBytes: learning.tokensOfBytes)
      self.init(kind, Vocabulary(learning.vocabulary), pairs)
    }
  }

  /// The numbers of a text's tokens, 0 for those that are not in the vocabulary.
  public func encode(_ text: String) -> [Int] {
    guard let pairs else { return pieces(of: text).map { vocabulary[$0] } }
    var (text, result) = (text, [Int32]())
    text.withUTF8 { bytes in
      if kind == .byte {
        pairs.encodeBytes(bytes, into: &result)
      } else {
        WordCutter().forEachWord(of: bytes) { pairs.encode($0, into: &result) }
      }
    }
    return result.map(Int.init)
  }

  /// The first token of a text that is not in the vocabulary; nil where all are, as of bytes.
  public func firstUnknown(in text: String) -> (place: Int, token: String)? {
    if pairs != nil { return nil }
    return pieces(of: text).enumerated().first { !vocabulary.contains($1) }.map { ($0, $1) }
  }

  /// The text of some tokens; bytes that are no UTF-8 become replacements. Numbers that no token has are left out.
  public func decode(_ tokens: [Int]) -> String {
    let words = tokens.filter(vocabulary.tokens.indices.contains).map { vocabulary.tokens[$0] }
    if pairs == nil { return words.joined(separator: kind == .word ? " " : "") }
    return String(decoding: words.flatMap { ByteAlphabet.bytes(of: $0) ?? Array($0.utf8) }, as: UTF8.self)
  }

  private func pieces(of text: String) -> [String] {
    kind == .word ? text.split(separator: " ").map(String.init) : text.unicodeScalars.map { String($0) }
  }
}
