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
    /// Of the held-out text; nil where there is none.
    public let validationCount: Int?
    /// Of these, such as are not in the vocabulary.
    public let unknownCount: Int
    /// Different tokens, the unknown one included.
    public let vocabularyCount: Int
    /// Bytes of the file.
    public let byteCount: Int
  }

  /// The text's file, UTF-8.
  public let source: String
  /// What a token is.
  public let kind: TokenKind
  /// A held-out text, which is given the numbers of the other's vocabulary: `/validation`.
  public var validation: String?
  /// What is done with the text before it is cut into tokens.
  public var cleaner = TextCleaner()
  /// Keeps the first so many; the vocabulary is that of the whole text, as the notes have it.
  public var maximumTokens: Int?
  /// Rarer tokens become `<unk>`, rarer pairs of bytes are not merged.
  public var minimumFrequency = 0
  /// Byte-pair tokens that are learnt, the unknown one and the bytes included; a small text may have no more than fewer.
  public var vocabularyCount = 4096
  /// How many tokens trainings take unless told otherwise.
  public var trainingTokens: Int?
  /// How arrays are kept.
  public var storage = ArrayStorage()
  /// Is told which share of the work is done.
  public var progress: @Sendable (Double) -> Void = { _ in }

  /// A text's file that is cut into characters, words, bytes or byte pairs, the last two of it as it is. What else is done with it
  /// are properties.
  public init(source: String, kind: TokenKind = .char) {
    (self.source, self.kind) = (source, kind)
    (cleaner.keepsAll, cleaner.takesAnyBytes) = (kind.isOfBytes, kind.isOfBytes)
  }

  /// The Time Machine by H. G. Wells as the book's chapters clean it.
  ///
  /// - Parameters:
  ///   - source: the text; nil for `timemachine.txt` in the folder that `LOCKSTEP_DATASETS` names.
  ///   - kind: characters run on from line to line; all others are kept apart.
  public static func timeMachine(source: String?, kind: TokenKind) throws -> TextConverter {
    var converter = TextConverter(
      source: try DatasetFolder.path("timemachine.txt", given: source, from: "timemachine.txt"), kind: kind)
    converter.cleaner.keepsLettersOnly = true
    converter.cleaner.separatesLines = kind != .char
    converter.trainingTokens = kind.isOfBytes ? nil : 10_000
    return converter
  }

  /// The text's characters or words as the file will hold them.
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
    try AtomicFile.check(output, from: [source] + (validation.map { [$0] } ?? []))
    let counter = TokenCounter(kind)
    let passes = validation == nil ? 2.0 : 3.0
    let first = try Pass(source, cleaner, counter, 0, of: passes, progress)
    let tokenizer = try Tokenizer(
      learning: counter, kind, minimumFrequency: minimumFrequency, vocabularyCount: vocabularyCount, path: source)
    let numbering = TextNumbering(tokenizer, counter)
    let all = numbering.tokenCount(ofIDs: first.idCount)
    let count = min(all, maximumTokens ?? .max)
    let (held, byteCount) = try HDF5File.create(at: output) { file -> (count: Int, unknown: Int)? in
      let writer = try TextFile.tokens(file, count: count, tokenizer.vocabulary, storage)
      let second = try Pass(source, cleaner, counter, 1, of: passes, progress) { ids in
        if writer.count < count { try writer.append(Array(numbering.numbers(of: ids).prefix(count - writer.count))) }
      }
      guard second.digest == first.digest else { throw InputError(source, "changed while it was read") }
      _ = try writer.finish()
      let other = try validation.map { try convert($0, numbering, counter, file) }
      try TextFile.finish(
        file, tokenizer, trainingTokens: maximumTokens == nil ? trainingTokens : nil,
        sourceSHA256: Self.digest(first.digest, other?.pass.digest))
      return other?.held
    }
    return Summary(
      lineCount: first.lineCount, tokenCount: count, allTokens: all, validationCount: held?.count,
      unknownCount: held?.unknown ?? 0, vocabularyCount: tokenizer.vocabulary.count, byteCount: byteCount)
  }

  /// Of one text, or of the digests of two.
  private static func digest(_ first: String, _ second: String?) -> String {
    guard let second else { return first }
    var hash = SHA256()
    hash.update("\(first) \(second)")
    return hash.hexadecimal
  }

  /// Adds the held-out text, with the numbers that the training text's tokens have.
  private func convert(
    _ validation: String, _ numbering: TextNumbering, _ counter: TokenCounter, _ file: HDF5File
  ) throws -> (pass: Pass, held: (count: Int, unknown: Int)) {
    // No text has more tokens than bytes, but for what becomes of such as are no UTF-8.
    let most = try InputFile(validation).byteCount
    let writer = try TextFile.tokens(file, "validation", count: most, numbering.tokenizer.vocabulary, storage)
    var unknown = 0
    let pass = try Pass(validation, cleaner, counter, 2, of: 3, progress) { ids in
      let numbers = numbering.numbers(of: ids)
      unknown += numbers.count { $0 == 0 }
      try writer.append(numbers)
    }
    let count = writer.count
    _ = try writer.finish()
    return (pass, (count, unknown))
  }

  /// Once through a text.
  private struct Pass {
    private static let longestWord = 1 << 20

    let lineCount, idCount: Int
    let digest: String

    /// `body` is given the ids of some tokens, one piece after another.
    init(
      _ path: String, _ cleaner: TextCleaner, _ counter: TokenCounter, _ number: Double, of passes: Double,
      _ progress: (Double) -> Void, _ body: ([Int32]) throws -> Void = { _ in }
    ) throws {
      let byteCount = try InputFile(path).byteCount
      var (hash, ids, done, count) = (SHA256(), [Int32](), 0, 0)
      func hand() throws {
        count += ids.count
        try body(ids)
        ids.removeAll(keepingCapacity: true)
      }
      lineCount = try cleaner.forEachPiece(of: path) { bytes in
        hash.update(bytes)
        done += bytes.count
        progress((number + Double(done) / Double(max(byteCount, 1))) / passes)
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
      if count == 0 { throw InputError(path, "holds no text: none of its \(done) bytes is part of a token") }
      (idCount, digest) = (count, hash.hexadecimal)
    }
  }
}

/// Where the book's data lie on this machine.
enum DatasetFolder {
  /// The book's data host.
  static let address = "http://d2l-data.s3-accelerate.amazonaws.com/"

  /// The file that was given, or the one of that name in the folder that `LOCKSTEP_DATASETS` names; `archive` is what the book's
  /// data host has it as.
  static func path(_ name: String, given: String?, from archive: String) throws -> String {
    if let given { return given }
    let brings = "curl -O \(address)\(archive)" + (archive == name ? " brings it" : " and unzip bring it")
    guard let folder = ProcessInfo.processInfo.environment["LOCKSTEP_DATASETS"] else {
      throw FileError(
        .missing, path: name, "say where it is: --source FILE, or LOCKSTEP_DATASETS for its folder; \(brings)")
    }
    let path = "\(folder)/\(name)"
    guard FileManager.default.fileExists(atPath: path) else {
      throw FileError(.missing, path: path, "no such file; \(brings)")
    }
    return path
  }
}
