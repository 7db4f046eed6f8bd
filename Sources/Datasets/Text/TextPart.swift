import HDF5Files

/// A text in a file, or a stretch of it.
public struct TextPart: Sendable {
  /// What messages call it: the file, or its beginning.
  public let name: String
  /// The file.
  let path: String
  private let object: String
  private let rows: HDF5Rows
  /// Of int32; nil where the file has none.
  private let allDigests: ChunkDigests?
  private let vocabularyCount: Int
  /// The place in the file where it begins.
  private let start: Int
  /// Tokens.
  public let count: Int

  /// The whole text of a split.
  init(_ file: HDF5File, _ split: String, vocabularyCount: Int) throws {
    (path, name, object) = (file.path, file.path, "/\(split)/tokens")
    try TokenDatasets.check(file, object, rank: 1)
    rows = try file.rows(of: object)
    allDigests = try ChunkDigests.read(file, split, "tokens").flatMap { $0.type == .int32 ? $0 : nil }
    self.vocabularyCount = vocabularyCount
    (start, count) = (0, rows.rowCount)
  }

  private init(_ whole: TextPart, _ range: Range<Int>, _ name: String) {
    (path, object, rows, allDigests) = (whole.path, whole.object, whole.rows, whole.allDigests)
    (vocabularyCount, self.name) = (whole.vocabularyCount, name)
    (start, count) = (whole.start + range.lowerBound, range.count)
  }

  /// The first so many tokens; all, where there are no more.
  public func first(_ most: Int?) -> TextPart {
    guard let most, most < count else { return self }
    return TextPart(self, 0..<max(most, 0), "the beginning of \(path)")
  }

  /// All but the last tokens, and these.
  public func holdingBack(_ last: Int) -> (kept: TextPart, held: TextPart) {
    let cut = count - min(max(last, 0), count)
    return (
      TextPart(self, 0..<cut, "what is trained on of \(name)"),
      TextPart(self, cut..<count, "what is held back of \(name)")
    )
  }

  /// The digests of its chunks, where all of the file's text belongs to it.
  var digests: ChunkDigests? { start == 0 && count == rows.rowCount ? allDigests : nil }

  /// Tokens that are best read together.
  var chunkTokens: Int { max(rows.chunk?.first ?? min(1 << 16, rows.rowCount), 1) }

  /// Some of it, as numbers of the vocabulary.
  /// - Throws: `InputError` with the place of what is no token, or differs from its digest.
  public func tokens(_ range: Range<Int>) throws -> [Int32] {
    let range = start + range.lowerBound..<start + range.upperBound
    let tokens = try [Int32](unsafeUninitializedCapacity: range.count) { buffer, filled in
      try rows.read(range, into: UnsafeMutableBufferPointer(rebasing: buffer[..<range.count]))
      filled = range.count
    }
    if let place = tokens.firstIndex(where: { $0 < 0 || Int($0) >= vocabularyCount }) {
      throw InputError(
        path,
        "\(object): place \(range.lowerBound + place): expected a token in 0...\(vocabularyCount - 1), found "
          + "\(tokens[place])")
    }
    if let digests = allDigests, range.lowerBound / digests.rows < digests.values.count,
      digests.range(ofChunk: range.lowerBound / digests.rows, count: rows.rowCount) == range,
      tokens.withUnsafeBytes(ChunkDigests.value) != digests.values[range.lowerBound / digests.rows]
    {
      throw InputError(
        path, "\(object): tokens \(range.lowerBound)…\(range.upperBound - 1): differ from their digest")
    }
    return tokens
  }
}
