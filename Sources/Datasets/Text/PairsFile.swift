import HDF5Files

/// Sentences and their translations in an HDF5 file, as `lockstep convert pairs` writes it.
///
/// `/train/source` and `/train/target` integer `[n, steps]`, `/train/source_lengths` and `/train/target_lengths` `[n]`,
/// `/source_vocabulary` and `/target_vocabulary`, UTF-8 strings in the order of the tokens' numbers: `<unk>`, `<pad>`,
/// `<bos>`, `<eos>`, then words. Root attributes: `lockstep_format`, `task` ("translation"), `source_sha256`, `steps`.
public struct PairsFile: Sendable {
  /// What the attribute `task` says of such a file.
  public static let task = "translation"
  /// The version of the layout that this Lockstep writes and reads.
  public static let formatVersion: Int64 = 1

  /// Where the file lies.
  public let path: String
  /// The words of both languages, by their number.
  public let sourceVocabulary, targetVocabulary: Vocabulary
  private let pairs: PairsDataset

  /// Tokens that each sentence takes, padding included.
  public var steps: Int { pairs.steps }
  /// Pairs of sentences.
  public var count: Int { pairs.count }
  /// All pairs, as samples.
  public func dataset() -> PairsDataset { pairs }

  /// Reads and checks the whole file.
  /// - Throws: `HDF5Error` for a file that is missing, no HDF5 or damaged; `InputError` for one that is no such dataset.
  public static func open(_ path: String) throws -> PairsFile { try PairsFile(HDF5File.open(path)) }

  private init(_ file: HDF5File) throws {
    path = file.path
    try DatasetFormat.check(file, task: Self.task, version: Self.formatVersion)
    sourceVocabulary = try Self.vocabulary(file, "/source_vocabulary")
    targetVocabulary = try Self.vocabulary(file, "/target_vocabulary")
    let source = try Self.sentences(file, "/train/source", sourceVocabulary.count)
    let target = try Self.sentences(file, "/train/target", targetVocabulary.count)
    guard target.shape == source.shape else {
      throw InputError(
        path, "/train/target: expected the shape \(source.shape) of /train/source, found \(target.shape)")
    }
    let steps = source.shape[1]
    if let said = try file.attribute("steps", of: "/"), said != .int(Int64(steps)) {
      throw InputError(path, "steps: expected \(steps) as in /train/source, found \(said.text)")
    }
    pairs = try PairsDataset(
      source: source.values, sourceLengths: try Self.lengths(file, "/train/source", source.values, steps),
      target: target.values, targetLengths: try Self.lengths(file, "/train/target", target.values, steps), steps: steps)
  }

  private static func vocabulary(_ file: HDF5File, _ object: String) throws -> Vocabulary {
    let vocabulary = try TokenDatasets.vocabulary(file, object)
    for (number, token) in Vocabulary.ofSentences.enumerated() where vocabulary[token] != number + 1 {
      let found = vocabulary.count > number + 1 ? vocabulary.tokens[number + 1].shown : "no such token"
      throw InputError(file.path, "\(object): expected \(token) at place \(number + 1), found \(found)")
    }
    return vocabulary
  }

  private static func sentences(
    _ file: HDF5File, _ object: String, _ vocabulary: Int
  ) throws -> (values: [Int32], shape: [Int]) {
    let found = try TokenDatasets.tokens(file, object, rank: 2, count: vocabulary)
    guard found.shape[0] > 0, found.shape[1] > 0 else { throw InputError(file.path, "\(object): holds no sentence") }
    return found
  }

  /// The lengths of sentences: what is behind them must be padding, and nothing before.
  private static func lengths(_ file: HDF5File, _ object: String, _ tokens: [Int32], _ steps: Int) throws -> [Int32] {
    let name = "\(object)_lengths"
    guard try file.isDataset(name) else { throw InputError(file.path, "has no \(name)") }
    let (type, shape) = (try file.elementType(of: name), try file.shape(of: name))
    guard type.isInteger, shape == [tokens.count / steps] else {
      throw InputError(
        file.path, "\(name): expected integers of the shape [\(tokens.count / steps)], found \(type) of \(shape)")
    }
    let lengths = try file.read(name, as: Int32.self)
    for (row, length) in lengths.enumerated() {
      guard length >= 1, length <= steps else {
        throw InputError(file.path, "\(name): row \(row): expected a length in 1...\(steps), found \(length)")
      }
      let sentence = tokens[row * steps..<(row + 1) * steps]
      let wrong = sentence.indices.first { (sentence[$0] == 1) != ($0 - sentence.startIndex >= length) }
      if let wrong {
        throw InputError(
          file.path,
          "\(object): row \(row), place \(wrong - sentence.startIndex): found token \(tokens[wrong]) in a sentence of "
            + "length \(length), where \(Vocabulary.padding) (1) stands behind the sentence and nowhere else")
      }
    }
    return lengths
  }

  /// Adds what else belongs into a file whose sentences are written.
  static func finish(
    _ file: HDF5File, steps: Int, _ sourceVocabulary: Vocabulary, _ targetVocabulary: Vocabulary, sourceSHA256: String
  ) throws {
    try file.writeStrings(sourceVocabulary.tokens, to: "/source_vocabulary")
    try file.writeStrings(targetVocabulary.tokens, to: "/target_vocabulary")
    try DatasetFormat.finish(file, task: task, version: formatVersion, sourceSHA256: sourceSHA256, []) {
      try file.setAttribute("steps", of: "/", to: .int(Int64(steps)))
    }
  }
}
