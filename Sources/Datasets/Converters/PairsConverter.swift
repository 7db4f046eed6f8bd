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
  /// How arrays are kept.
  public var storage = ArrayStorage()
  /// Is told which share of the work is done.
  public var progress: @Sendable (Double) -> Void = { _ in }

  /// The notes' settings, until told otherwise.
  public init(source: String) { self.source = source }

  /// English and French, the book's 600 pairs.
  ///
  /// - Parameter source: the text; nil for `fra.txt` in the folder that `LOCKSTEP_DATASETS` names.
  public static func englishFrench(source: String?) throws -> PairsConverter {
    var converter = PairsConverter(source: try DatasetFolder.path("fra.txt", given: source, from: "fra-eng.zip"))
    converter.maximumPairs = 600
    return converter
  }

  /// Writes the file, whole or not at all; throws an `InputError` that names line and fault. Goes through the text twice: what a
  /// word's number is, is known once all are counted. It keeps the different words in memory, and no sentence.
  public func convert(to output: String) throws -> Summary {
    try AtomicFile.check(output, from: [source])
    let progress = try PassProgress([source], passes: 2, progress)
    let first = try Pass(self, progress) { _, _ in }
    let from = SentenceNumbers(first.sources.counts, minimumFrequency: minimumFrequency)
    let to = SentenceNumbers(first.targets.counts, minimumFrequency: minimumFrequency)
    let (cut, byteCount) = try HDF5File.create(at: output) { file in
      let sources = try SentenceWriter(file, "source", from, steps: steps, count: first.count, storage)
      let targets = try SentenceWriter(file, "target", to, steps: steps, count: first.count, storage)
      let second = try Pass(self, progress) {
        try sources.append($0)
        try targets.append($1)
      }
      guard second.digest == first.digest else { throw InputError(source, "changed while it was read") }
      try sources.finish()
      try targets.finish()
      try PairsFile.finish(
        file, steps: steps, from.vocabulary, to.vocabulary, sourceSHA256: first.digest)
      return (source: sources.cutCount, target: targets.cutCount)
    }
    return Summary(
      pairCount: first.count, steps: steps, sourceVocabulary: from.vocabulary.count,
      targetVocabulary: to.vocabulary.count, cutSource: cut.source, cutTarget: cut.target, byteCount: byteCount)
  }

  /// Once through the text.
  private struct Pass {
    let sources = SentenceCounter(), targets = SentenceCounter()
    let count: Int
    let digest: String

    /// `body` is given the ids of each pair's words.
    init(
      _ converter: PairsConverter, _ progress: PassProgress, _ body: ([Int32], [Int32]) throws -> Void
    ) throws {
      var hash = SHA256()
      var (from, to) = ([Int32](), [Int32]())
      let text = SentencePairs(
        path: converter.source, most: converter.maximumPairs ?? .max, isLossy: converter.isLossy)
      let (sources, targets) = (sources, targets)
      let note = { (bytes: UnsafeRawBufferPointer) in
        hash.update(bytes)
        progress.add(bytes)
      }
      count = try text.forEachPair(onStoredBytes: note) { pair in
        sources.count(pair.source, into: &from)
        targets.count(pair.target, into: &to)
        try body(from, to)
      }
      digest = hash.hexadecimal
    }
  }
}

/// Writes the sentences of one language as they come.
private final class SentenceWriter {
  private let numbers: SentenceNumbers
  private let steps, most: Int
  private let tokens, lengths: ArrayWriter<Int32>
  private(set) var cutCount = 0

  init(
    _ file: HDF5File, _ name: String, _ numbers: SentenceNumbers, steps: Int, count: Int, _ storage: ArrayStorage
  ) throws {
    (self.numbers, self.steps, most) = (numbers, steps, count)
    let rows = try storage.rows(rowBytes: steps * MemoryLayout<Int32>.stride, count: count, file.path)
    tokens = ArrayWriter(file, "train", name, rowShape: [steps], count: count, chunkRows: rows, storage)
    lengths = ArrayWriter(file, "train", "\(name)_lengths", rowShape: [], count: count, chunkRows: rows, storage)
  }

  func append(_ ids: [Int32]) throws {
    // A text that has grown since its pairs were counted.
    guard lengths.count < most else { return }
    let row = numbers.row(ids, steps: steps)
    if row.isCut { cutCount += 1 }
    try tokens.append(row.tokens)
    try lengths.append([Int32(row.length)])
  }

  func finish() throws {
    _ = try tokens.finish()
    _ = try lengths.finish()
  }
}
