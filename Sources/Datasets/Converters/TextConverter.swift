import Foundation
import HDF5Files

/// Turns a text file of any alphabet into an HDF5 file of tokens.
public struct TextConverter: Sendable {
  /// What a conversion came to.
  public struct Summary: Sendable, Equatable {
    /// Lines of the text.
    public let lineCount: Int
    /// In the file, and in the whole text.
    public let tokenCount, allTokens: Int
    /// Different tokens, the unknown one included.
    public let vocabularyCount: Int
    /// Bytes of the file.
    public let byteCount: Int
  }

  /// The text's file, UTF-8.
  public let source: String
  /// Whether tokens are characters or words.
  public let kind: TokenKind
  /// What is done with the text before it is cut into tokens.
  public var cleaner = TextCleaner()
  /// Keeps the first so many; the vocabulary is that of the whole text, as the notes have it.
  public var maximumTokens: Int?
  /// Rarer tokens become `<unk>`.
  public var minimumFrequency = 0
  /// How many tokens trainings take unless told otherwise.
  public var trainingTokens: Int?
  /// How arrays are kept.
  public var storage = ArrayStorage()
  /// Is told which share of the work is done.
  public var progress: @Sendable (Double) -> Void = { _ in }

  /// A text's file that is cut into characters, or words. What else is done with it are properties.
  public init(source: String, kind: TokenKind = .char) { (self.source, self.kind) = (source, kind) }

  /// The Time Machine by H. G. Wells as the book's chapters clean it.
  ///
  /// - Parameters:
  ///   - source: the text; nil for `timemachine.txt` in the folder that `LOCKSTEP_DATASETS` names.
  ///   - kind: words keep apart what stood on different lines.
  public static func timeMachine(source: String?, kind: TokenKind) throws -> TextConverter {
    var converter = TextConverter(source: try DatasetFolder.path("timemachine.txt", given: source), kind: kind)
    converter.cleaner.keepsLettersOnly = true
    converter.cleaner.separatesLines = kind == .word
    converter.trainingTokens = 10_000
    return converter
  }

  /// The text as the file will hold it.
  public func tokenize() throws -> (text: TokenizedText, lineCount: Int, sourceSHA256: String) {
    let bytes = try InputFile.bytes(of: source)
    if bytes.isEmpty { throw InputError(source, "is empty") }
    let (text, lineCount) = try cleaner.clean(bytes, path: source)
    if text.isEmpty { throw InputError(source, "holds no text: none of its \(bytes.count) bytes is part of a token") }
    var hash = SHA256()
    bytes.withUnsafeBytes { hash.update($0) }
    return (TokenizedText(text, kind, minimumFrequency: minimumFrequency), lineCount, hash.hexadecimal)
  }

  /// Writes the file, whole or not at all; throws an `InputError` for bytes that are no UTF-8. Goes through the text twice:
  /// what a token's number is, is known once all are counted.
  public func convert(to output: String) throws -> Summary {
    try AtomicFile.check(output, from: [source])
    let first = try Pass(self, share: 0)
    let ranks = TokenRanks(first.counter.counts, minimumFrequency: minimumFrequency)
    let vocabulary = Vocabulary(counts: ranks.counts, minimumFrequency: minimumFrequency)
    let count = min(first.tokenCount, maximumTokens ?? .max)
    let (_, byteCount) = try HDF5File.create(at: output) { file in
      let writer = try TextFile.tokens(file, count: count, vocabulary, storage)
      let second = try Pass(self, share: 0.5) { ids in
        ranks.replace(&ids)
        try writer.append(Array(ids.prefix(count - writer.count)))
      }
      guard second.digest == first.digest else { throw InputError(source, "changed while it was read") }
      _ = try writer.finish()
      try TextFile.finish(
        file, vocabulary, kind, trainingTokens: maximumTokens == nil ? trainingTokens : nil,
        sourceSHA256: first.digest)
    }
    return Summary(
      lineCount: first.lineCount, tokenCount: count, allTokens: first.tokenCount, vocabularyCount: vocabulary.count,
      byteCount: byteCount)
  }

  /// Once through the text.
  private struct Pass {
    private static let longestWord = 1 << 20

    let counter: TokenCounter
    let lineCount, tokenCount: Int
    let digest: String

    /// `body` is given the ids of some tokens, one piece after another.
    init(_ converter: TextConverter, share: Double, _ body: (inout [Int32]) throws -> Void = { _ in }) throws {
      let (counter, path) = (TokenCounter(converter.kind), converter.source)
      let byteCount = try InputFile(path).byteCount
      var (hash, ids, done, tokens) = (SHA256(), [Int32](), 0, 0)
      func hand() throws {
        tokens += ids.count
        try body(&ids)
        ids.removeAll(keepingCapacity: true)
      }
      lineCount = try converter.cleaner.forEachPiece(of: path) { bytes in
        hash.update(bytes)
        done += bytes.count
        converter.progress(share + 0.5 * Double(done) / Double(max(byteCount, 1)))
      } _: { piece in
        counter.count(piece, into: &ids)
        guard counter.begunBytes <= Self.longestWord else {
          throw InputError(path, "holds a word of more than \(Self.longestWord) bytes; --token char has no words")
        }
        try hand()
      }
      counter.finish(into: &ids)
      try hand()
      if done == 0 { throw InputError(path, "is empty") }
      if tokens == 0 { throw InputError(path, "holds no text: none of its \(done) bytes is part of a token") }
      (self.counter, tokenCount, digest) = (counter, tokens, hash.hexadecimal)
    }
  }
}

/// Where the book's data lie on this machine.
enum DatasetFolder {
  /// The file that was given, or the one of that name in the folder that `LOCKSTEP_DATASETS` names.
  static func path(_ name: String, given: String?) throws -> String {
    if let given { return given }
    guard let folder = ProcessInfo.processInfo.environment["LOCKSTEP_DATASETS"] else {
      throw FileError(.missing, path: name, "say where it is: --source FILE, or LOCKSTEP_DATASETS for its folder")
    }
    return "\(folder)/\(name)"
  }
}
