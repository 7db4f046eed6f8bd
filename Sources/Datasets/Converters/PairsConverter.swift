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
    let (first, second) = try sides(bytes)
    let (from, to) = (first.numbered(minimumFrequency, steps: steps), second.numbered(minimumFrequency, steps: steps))
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

  /// The two columns of the text, clean.
  private func sides(_ bytes: [UInt8]) throws -> (source: SentenceColumn, target: SentenceColumn) {
    if bytes.isEmpty { throw InputError(source, "is empty") }
    var (first, second) = (SentenceColumn(), SentenceColumn())
    try bytes.withUnsafeBufferPointer { text in
      var (start, line) = (0, 0)
      while start < text.count, first.count < maximumPairs ?? .max {
        line += 1
        let end = text[start...].firstIndex(of: 0x0A) ?? text.count
        defer { start = end + 1 }
        guard let tab = text[start..<end].firstIndex(of: 0x09) else {
          if text[start..<end].allSatisfy({ $0 <= 0x20 }) { continue }
          throw InputError(source, "line \(line): expected a sentence, a tab and its translation, found no tab")
        }
        let next = text[(tab + 1)..<end].firstIndex(of: 0x09) ?? end
        try add(text, start..<tab, to: &first, line, "sentence")
        try add(text, tab + 1..<next, to: &second, line, "translation")
      }
    }
    if first.count == 0 { throw InputError(source, "holds no pair: each of its \(bytes.count) bytes is white space") }
    return (first, second)
  }

  private func add(
    _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, to column: inout SentenceColumn, _ line: Int,
    _ what: String
  ) throws {
    let before = column.text.count
    if let wrong = Sentence.append(UnsafeBufferPointer(rebasing: text[range]), isLossy: isLossy, to: &column.text) {
      let place = range.lowerBound + wrong
      throw InputError(
        source,
        "line \(line): byte \(place) (0x\(String(text[place], radix: 16))) is no UTF-8; --lossy reads on with a replacement"
      )
    }
    if column.text.count == before { throw InputError(source, "line \(line): the \(what) is empty") }
    column.text.append(0x0A)
    column.count += 1
  }
}

/// All sentences of one language.
struct SentenceColumn {
  /// A blank between words, and a line feed behind each sentence.
  var text: [UInt8] = []
  var count = 0

  struct Numbered {
    let vocabulary: Vocabulary
    /// `[count, steps]`, padded.
    var tokens: [Int32]
    var lengths: [Int32] = []
    var cutCount = 0
  }

  /// The words' numbers with `<eos>` behind each sentence, cut or padded to `steps`.
  func numbered(_ minimumFrequency: Int, steps: Int) -> Numbered {
    text.withUnsafeBufferPointer { text in
      let (ids, ends, counts) = words(text)
      let reserved = Vocabulary.ofSentences
      let vocabulary = Vocabulary(counts: counts, minimumFrequency: minimumFrequency, reserved: reserved)
      // A text that holds the word "<pad>" itself means no padding.
      let numbers = counts.map { reserved.contains($0.token) ? 0 : Int32(vocabulary[$0.token]) }
      let (padding, end) = (Int32(vocabulary[Vocabulary.padding]), Int32(vocabulary[Vocabulary.end]))
      var result = Numbered(vocabulary: vocabulary, tokens: [Int32](repeating: padding, count: count * steps))
      result.lengths.reserveCapacity(count)
      var start = 0
      for (row, stop) in ends.enumerated() {
        let length = stop - start
        for place in 0..<min(length, steps) { result.tokens[row * steps + place] = numbers[Int(ids[start + place])] }
        if length < steps { result.tokens[row * steps + length] = end }
        if length > steps - 1 { result.cutCount += 1 }
        result.lengths.append(Int32(min(length + 1, steps)))
        start = stop
      }
      return result
    }
  }

  /// All words' ids in the order of first use, and where each sentence ends among them.
  private func words(
    _ text: UnsafeBufferPointer<UInt8>
  ) -> (ids: [Int32], ends: [Int], counts: [(token: String, count: Int)]) {
    var table = WordTable()
    var (ids, ends): ([Int32], [Int]) = ([], [])
    ids.reserveCapacity(text.count / 5)
    ends.reserveCapacity(count)
    var (start, hash) = (0, WordTable.emptyHash)
    for place in text.indices {
      let byte = text[place]
      guard byte == 0x20 || byte == 0x0A else {
        hash = WordTable.extend(hash, byte)
        continue
      }
      ids.append(table.id(of: UnsafeBufferPointer(rebasing: text[start..<place]), hash))
      (start, hash) = (place + 1, WordTable.emptyHash)
      if byte == 0x0A { ends.append(ids.count) }
    }
    return (ids, ends, table.counts)
  }
}
