import HDF5Files

/// Turns a text file of sentence pairs into an HDF5 file of word numbers: a pair on each line, a tab between sentence and
/// translation, further columns ignored. Source: the book's chapter on machine translation and its data set.
public struct PairsConverter: Sendable {
  /// What a conversion came to.
  public struct Summary: Sendable, Equatable {
    /// Pairs of sentences.
    public let pairCount: Int
    /// Tokens that each sentence takes.
    public let steps: Int
    /// Words with the four reserved tokens.
    public let sourceVocabulary, targetVocabulary: Int
    /// Sentences that were cut at `steps` tokens.
    public let cutSource, cutTarget: Int
    /// Bytes of the file.
    public let byteCount: Int
  }

  /// The text, a pair a line, with a tab between the languages.
  public let source: String
  /// Tokens of each sentence, `<eos>` included: longer ones are cut, shorter ones padded.
  public var steps = 10
  /// Takes the first so many pairs; the vocabularies are theirs.
  public var maximumPairs: Int?
  /// Rarer words become `<unk>`.
  public var minimumFrequency = 2
  /// Puts U+FFFD in the place of invalid bytes rather than refusing them.
  public var isLossy = false

  /// The notes' settings, until told otherwise.
  public init(source: String) { self.source = source }

  /// English and French, the book's 600 pairs.
  ///
  /// - Parameter source: the text; nil for `fra.txt` in the folder that `LOCKSTEP_DATASETS` names.
  public static func englishFrench(source: String?) throws -> PairsConverter {
    var converter = PairsConverter(source: try DatasetFolder.path("fra.txt", given: source))
    converter.maximumPairs = 600
    return converter
  }

  /// Writes the file, whole or not at all; throws an `InputError` that names line and fault.
  public func convert(to output: String) throws -> Summary {
    try AtomicFile.check(output, from: [source])
    let bytes = try InputFile.bytes(of: source)
    let read = try SentencePairs(bytes, path: source, atMost: maximumPairs ?? .max, isLossy: isLossy)
    let from = read.sources.numbered(minimumFrequency, steps: steps)
    let to = read.targets.numbered(minimumFrequency, steps: steps)
    let pairs = try PairsDataset(
      source: from.tokens, sourceLengths: from.lengths, target: to.tokens, targetLengths: to.lengths, steps: steps)
    var hash = SHA256()
    bytes.withUnsafeBytes { hash.update($0) }
    let image = try PairsFile.encode(pairs, from.vocabulary, to.vocabulary, sourceSHA256: hash.hexadecimal)
    try AtomicFile.write(image, to: output)
    return Summary(
      pairCount: pairs.count, steps: steps, sourceVocabulary: from.vocabulary.count,
      targetVocabulary: to.vocabulary.count, cutSource: from.cutCount, cutTarget: to.cutCount, byteCount: image.count)
  }
}
