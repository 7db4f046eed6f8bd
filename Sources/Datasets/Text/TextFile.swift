import HDF5Files

/// A text as tokens in an HDF5 file, as `lockstep convert text` writes it: `/train/tokens` integer `[n]`, `/vocabulary`, UTF-8
/// strings in the order of the tokens' numbers, and for byte pairs `/merges`; the attribute `token` says what a token is. A
/// held-out text of the same vocabulary is `/validation/tokens`, or `/test/tokens`.
public struct TextFile: Sendable {
  /// What the attribute `task` says of such a file.
  public static let task = "language"
  /// The version of the layout that this Lockstep writes and reads.
  public static let formatVersion: Int64 = 1
  /// The splits that there can be.
  static let splits = ["train", "validation", "test"]

  /// Where the file lies.
  public let path: String
  /// What its tokens are.
  public let tokenizer: Tokenizer
  /// The texts by their split.
  private let parts: [String: TextPart]
  /// Tokens of the training text.
  public let count: Int
  /// How many tokens a training takes unless told otherwise: the book's chapters take the first 10,000.
  public let trainingTokens: Int?

  /// What a token is.
  public var kind: TokenKind { tokenizer.kind }
  /// The tokens by their number; 0 stands for all others.
  public var vocabulary: Vocabulary { tokenizer.vocabulary }
  /// "train", and what else there is.
  public var splitNames: [String] { Self.splits.filter { parts[$0] != nil } }

  /// Opens a file and checks all but its tokens; throws where it is no text, or damaged.
  public static func open(_ path: String) throws -> TextFile { try TextFile(HDF5File.open(path)) }

  private init(_ file: HDF5File) throws {
    path = file.path
    try DatasetFormat.check(file, task: Self.task, version: Self.formatVersion)
    tokenizer = try Self.tokenizer(file)
    var parts: [String: TextPart] = [:]
    for split in Self.splits where try split == "train" || file.exists("/\(split)") {
      parts[split] = try TextPart(file, split, vocabularyCount: tokenizer.vocabulary.count)
    }
    (self.parts, count) = (parts, parts["train"]?.count ?? 0)
    if case .int(let count)? = try file.attribute("training_tokens", of: "/"), count > 0 {
      trainingTokens = Int(count)
    } else {
      trainingTokens = nil
    }
  }

  private static func tokenizer(_ file: HDF5File) throws -> Tokenizer {
    let vocabulary = try TokenDatasets.vocabulary(file, "/vocabulary")
    var kind = TokenKind.char
    if case .string(let name)? = try file.attribute("token", of: "/") { kind = TokenKind(rawValue: name) ?? .char }
    var merges: [String]?
    if kind == .bpe {
      guard try file.isDataset(mergesPath) else { throw InputError(file.path, "has no \(mergesPath)") }
      merges = try file.readStrings(mergesPath)
    }
    return try Tokenizer(kind, vocabulary, merges: merges, path: file.path)
  }

  /// The text of a split.
  /// - Throws: `InputError` for one that is not there.
  public func part(_ split: String = "train") throws -> TextPart {
    guard let part = parts[split] else {
      throw InputError(path, "has no split \"\(split)\"; it has: \(splitNames.joined(separator: ", "))")
    }
    return part
  }

  /// Some of the training text, as numbers of the vocabulary.
  /// - Throws: `InputError` with the place of what is no token, or differs from its digest.
  public func tokens(_ range: Range<Int>) throws -> [Int32] { try part().tokens(range) }

  private static let mergesPath = "/merges"

  /// The tokens of a split of a file that is made. They take as few bytes as their vocabulary allows; their digests are of int32.
  static func tokens(
    _ file: HDF5File, _ split: String = "train", count: Int, _ vocabulary: Vocabulary, _ storage: ArrayStorage
  ) throws -> ArrayWriter<Int32> {
    let type: HDF5ElementType =
      vocabulary.count <= 1 << 8 ? .uint8 : vocabulary.count <= 1 << 16 ? .uint16 : .int32
    let rows = try storage.rows(rowBytes: type.byteCount ?? 4, count: count, file.path)
    return ArrayWriter(
      file, split, "tokens", rowShape: [], count: count, storedAs: type, chunkRows: rows, storage)
  }

  /// Adds what else belongs into a file whose tokens are written.
  static func finish(
    _ file: HDF5File, _ tokenizer: Tokenizer, trainingTokens: Int?, sourceSHA256: String
  ) throws {
    try file.writeStrings(tokenizer.vocabulary.tokens, to: "/vocabulary")
    if let merges = tokenizer.merges { try file.writeStrings(merges, to: mergesPath) }
    try DatasetFormat.finish(file, task: task, version: formatVersion, sourceSHA256: sourceSHA256, []) {
      try file.setAttribute("token", of: "/", to: .string(tokenizer.kind.rawValue))
      if let trainingTokens { try file.setAttribute("training_tokens", of: "/", to: .int(Int64(trainingTokens))) }
    }
  }
}
