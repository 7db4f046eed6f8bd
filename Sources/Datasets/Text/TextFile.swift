import HDF5Files

/// A text as tokens in an HDF5 file, as `lockstep convert text` writes it: `/train/tokens` integer `[n]` and `/vocabulary`,
/// UTF-8 strings in the order of the tokens' numbers; the attribute `token` says what a token is.
public struct TextFile: Sendable {
  /// What the attribute `task` says of such a file.
  public static let task = "language"
  /// The version of the layout that this Lockstep writes and reads.
  public static let formatVersion: Int64 = 1

  /// Where the file lies.
  public let path: String
  /// Whether tokens are characters or words.
  public let kind: TokenKind
  /// The tokens by their number; 0 stands for all others.
  public let vocabulary: Vocabulary
  /// Tokens of the text.
  public let count: Int
  /// How many tokens a training takes unless told otherwise: the book's chapters take the first 10,000.
  public let trainingTokens: Int?
  private let rows: HDF5Rows
  /// Of int32; nil where the file has none.
  let digests: ChunkDigests?

  private static let object = "/train/tokens"

  /// Opens a file and checks all but its tokens; throws where it is no text, or damaged.
  public static func open(_ path: String) throws -> TextFile { try TextFile(HDF5File.open(path)) }

  private init(_ file: HDF5File) throws {
    path = file.path
    try DatasetFormat.check(file, task: Self.task, version: Self.formatVersion)
    vocabulary = try TokenDatasets.vocabulary(file, "/vocabulary")
    try TokenDatasets.check(file, Self.object, rank: 1)
    rows = try file.rows(of: Self.object)
    count = rows.rowCount
    digests = try ChunkDigests.read(file, "train", "tokens").flatMap { $0.type == .int32 ? $0 : nil }
    var kind = TokenKind.char
    if case .string(let name)? = try file.attribute("token", of: "/") { kind = TokenKind(rawValue: name) ?? .char }
    self.kind = kind
    if case .int(let count)? = try file.attribute("training_tokens", of: "/"), count > 0 {
      trainingTokens = Int(count)
    } else {
      trainingTokens = nil
    }
  }

  /// Tokens that are best read together.
  var chunkTokens: Int { max(rows.chunk?.first ?? min(1 << 16, count), 1) }

  /// Some of the text, as numbers of the vocabulary.
  /// - Throws: `InputError` with the place of what is no token, or differs from its digest.
  public func tokens(_ range: Range<Int>) throws -> [Int32] {
    let tokens = try [Int32](unsafeUninitializedCapacity: range.count) { buffer, filled in
      try rows.read(range, into: UnsafeMutableBufferPointer(rebasing: buffer[..<range.count]))
      filled = range.count
    }
    if let place = tokens.firstIndex(where: { $0 < 0 || Int($0) >= vocabulary.count }) {
      throw InputError(
        path,
        "\(Self.object): place \(range.lowerBound + place): expected a token in 0...\(vocabulary.count - 1), found "
          + "\(tokens[place])")
    }
    if let digests, digests.range(ofChunk: range.lowerBound / digests.rows, count: count) == range,
      tokens.withUnsafeBytes(ChunkDigests.value) != digests.values[range.lowerBound / digests.rows]
    {
      throw InputError(
        path, "\(Self.object): tokens \(range.lowerBound)…\(range.upperBound - 1): differ from their digest")
    }
    return tokens
  }

  /// The tokens of a file that is made. They take as few bytes as their vocabulary allows; their digests are of int32.
  static func tokens(
    _ file: HDF5File, count: Int, _ vocabulary: Vocabulary, _ storage: ArrayStorage
  ) throws -> ArrayWriter<Int32> {
    let type: HDF5ElementType =
      vocabulary.count <= 1 << 8 ? .uint8 : vocabulary.count <= 1 << 16 ? .uint16 : .int32
    let rows = try storage.rows(rowBytes: type.byteCount ?? 4, count: count, file.path)
    return ArrayWriter(
      file, "train", "tokens", rowShape: [], count: count, storedAs: type, chunkRows: rows, storage)
  }

  /// Adds what else belongs into a file whose tokens are written.
  static func finish(
    _ file: HDF5File, _ vocabulary: Vocabulary, _ kind: TokenKind, trainingTokens: Int?, sourceSHA256: String
  ) throws {
    try file.writeStrings(vocabulary.tokens, to: "/vocabulary")
    try DatasetFormat.finish(file, task: task, version: formatVersion, sourceSHA256: sourceSHA256, []) {
      try file.setAttribute("token", of: "/", to: .string(kind.rawValue))
      if let trainingTokens { try file.setAttribute("training_tokens", of: "/", to: .int(Int64(trainingTokens))) }
    }
  }
}
