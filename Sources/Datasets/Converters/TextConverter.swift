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

  /// Writes the file, whole or not at all; throws an `InputError` for bytes that are no UTF-8.
  public func convert(to output: String) throws -> Summary {
    try AtomicFile.check(output, from: [source])
    let (text, lineCount, digest) = try tokenize()
    let vocabulary = text.vocabulary
    let tokens = text.tokens.prefix(maximumTokens ?? .max)
    let image = try TextFile.encode(
      tokens, vocabulary, kind, trainingTokens: maximumTokens == nil ? trainingTokens : nil, sourceSHA256: digest)
    try AtomicFile.write(image, to: output)
    return Summary(
      lineCount: lineCount, tokenCount: tokens.count, allTokens: text.tokens.count, vocabularyCount: vocabulary.count,
      byteCount: image.count)
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
