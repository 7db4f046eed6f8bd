import HDF5Files
import Synchronization

/// The tokens of a text, wherever they are.
enum TextTokens: Sendable {
  case memory([Int32])
  case file(TokenPieces)

  var count: Int {
    switch self {
    case .memory(let tokens): tokens.count
    case .file(let pieces): pieces.count
    }
  }

  /// Gives some tokens in their order, in one or more parts.
  func forEachPart(of range: Range<Int>, _ body: (ArraySlice<Int32>) -> Void) throws {
    switch self {
    case .memory(let tokens): body(tokens[range])
    case .file(let pieces): try pieces.forEachPart(of: range, body)
    }
  }

  func checksum() throws -> UInt {
    switch self {
    case .memory(let tokens): tokens.withUnsafeBytes(Checksum.crc32)
    case .file(let pieces): try pieces.checksum()
    }
  }
}

/// The tokens of a file, read a chunk at a time when they are needed; the chunks that were used last are kept.
final class TokenPieces: Sendable {
  /// Tokens of the text.
  let count: Int
  /// Tokens of a piece.
  let size: Int
  private let most: Int
  private let part: TextPart
  private struct Kept {
    var pieces: [Int: (tokens: [Int32], use: Int)] = [:]
    var uses = 0
  }
  private let kept = Mutex(Kept())

  /// - Parameters:
  ///   - memory: bytes that the pieces may take.
  ///   - needed: pieces that a step uses, or a window.
  /// - Throws: `MemoryBudgetError` where these don't fit the memory.
  init(_ part: TextPart, memory: Int, needed: Int) throws {
    (self.part, count, size) = (part, part.count, part.chunkTokens)
    let bytes = size * MemoryLayout<Int32>.stride
    let least = min(needed, (count + size - 1) / size)
    most = max(memory / bytes, 1)
    guard most >= least else {
      throw MemoryBudgetError(
        "memory is \(memory) bytes, but must be \(least * bytes) at least: \(least) chunks of \(size) tokens")
    }
  }

  func forEachPart(of range: Range<Int>, _ body: (ArraySlice<Int32>) -> Void) throws {
    var start = range.lowerBound
    while start < range.upperBound {
      let (index, place) = start.quotientAndRemainder(dividingBy: size)
      let tokens = try piece(index)
      let end = min(place + range.upperBound - start, tokens.count)
      body(tokens[place..<end])
      start += end - place
    }
  }

  private func piece(_ index: Int) throws -> [Int32] {
    try kept.withLock { kept in
      kept.uses += 1
      if let known = kept.pieces[index]?.tokens {
        kept.pieces[index]?.use = kept.uses
        return known
      }
      while kept.pieces.count >= most, let oldest = kept.pieces.min(by: { $0.value.use < $1.value.use }) {
        kept.pieces[oldest.key] = nil
      }
      let tokens = try part.tokens(index * size..<min((index + 1) * size, count))
      kept.pieces[index] = (tokens, kept.uses)
      return tokens
    }
  }

  /// Known from the file's digests where all of it is used, else read.
  func checksum() throws -> UInt {
    if let known = part.digests {
      return known.combined(rowBytes: MemoryLayout<Int32>.stride, count: count)
    }
    return try stride(from: 0, to: count, by: size).reduce(0) { sum, start in
      try part.tokens(start..<min(start + size, count)).withUnsafeBytes { Checksum.continued(sum, with: $0) }
    }
  }
}
