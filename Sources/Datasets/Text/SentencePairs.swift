import HDF5Files

/// A text of sentence pairs, taken apart line by line: a pair on each, a tab between sentence and translation, further columns
/// ignored.
struct SentencePairs {
  let path: String
  /// Takes the first so many.
  var most = Int.max
  var isLossy = false
  /// Bytes that are read at once.
  var pieceBytes = 1 << 20

  private static let longestLine = 16 << 20

  /// A pair in clean words, a blank between each two.
  struct Pair {
    fileprivate(set) var source: [UInt8] = [], target: [UInt8] = []
  }

  /// Gives the pairs one after another; how many there are.
  /// - Parameter onStoredBytes: sees all bytes of the file, be they beyond the last pair that is taken.
  /// - Throws: `InputError` with the line of what is no pair, or no UTF-8.
  func forEachPair(
    onStoredBytes: (UnsafeRawBufferPointer) -> Void = { _ in }, _ body: (Pair) throws -> Void
  ) throws -> Int {
    var (count, line, offset, pair) = (0, 0, 0, Pair())
    try FilePieces(path: path, pieceBytes: pieceBytes).forEach(onStoredBytes: onStoredBytes) { piece, isLast in
      var start = 0
      while start < piece.count, count < most {
        let end = piece[start...].firstIndex(of: 0x0A)
        guard let end = end ?? (isLast ? piece.count : nil) else { break }
        line += 1
        if try take(piece, start..<end, line, from: offset, into: &pair) {
          count += 1
          try body(pair)
        }
        start = min(end + 1, piece.count)
      }
      guard piece.count - start <= Self.longestLine || count == most else {
        throw InputError(path, "line \(line + 1): is longer than \(Self.longestLine >> 20) MB")
      }
      let done = count == most ? piece.count : start
      offset += done
      return done
    }
    if offset == 0 { throw InputError(path, "is empty") }
    if count == 0 { throw InputError(path, "holds no pair: each of its \(offset) bytes is white space") }
    return count
  }

  /// Whether a line is a pair, rather than empty.
  private func take(
    _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ line: Int, from offset: Int, into pair: inout Pair
  ) throws -> Bool {
    guard let tab = text[range].firstIndex(of: 0x09) else {
      if text[range].allSatisfy({ $0 <= 0x20 }) { return false }
      throw InputError(path, "line \(line): expected a sentence, a tab and its translation, found no tab")
    }
    let next = text[(tab + 1)..<range.upperBound].firstIndex(of: 0x09) ?? range.upperBound
    for (part, what, place) in [
      (range.lowerBound..<tab, "sentence", \Pair.source), (tab + 1..<next, "translation", \Pair.target),
    ] {
      pair[keyPath: place].removeAll(keepingCapacity: true)
      let sentence = UnsafeBufferPointer(rebasing: text[part])
      if let wrong = Sentence.append(sentence, isLossy: isLossy, to: &pair[keyPath: place]) {
        let byte = offset + part.lowerBound + wrong
        let code = String(sentence[wrong], radix: 16)
        throw InputError(
          path, "line \(line): byte \(byte) (0x\(code)) is no UTF-8; --lossy reads on with a replacement")
      }
      if pair[keyPath: place].isEmpty { throw InputError(path, "line \(line): the \(what) is empty") }
    }
    return true
  }
}

/// Numbers the words of one language's sentences in the order of their first use, and counts them.
final class SentenceCounter {
  private let table = WordTable()

  /// How often each word came, in the order of first use.
  var counts: [(token: String, count: Int)] { table.counts }

  /// Puts the ids of a sentence's words into `ids`.
  func count(_ sentence: [UInt8], into ids: inout [Int32]) {
    ids.removeAll(keepingCapacity: true)
    sentence.withUnsafeBufferPointer { text in
      var (start, hash) = (0, WordTable.emptyHash)
      for place in 0...text.count {
        if place < text.count, text[place] != 0x20 {
          hash = WordTable.extend(hash, text[place])
          continue
        }
        if place > start { ids.append(table.id(of: UnsafeBufferPointer(rebasing: text[start..<place]), hash)) }
        (start, hash) = (place + 1, WordTable.emptyHash)
      }
    }
  }
}

/// The numbers that counted words have in their vocabulary.
struct SentenceNumbers {
  let vocabulary: Vocabulary
  /// By the order of first use.
  private let numbers: [Int32]
  private let padding, end: Int32

  init(_ counts: [(token: String, count: Int)], minimumFrequency: Int) {
    let reserved = Vocabulary.ofSentences
    vocabulary = Vocabulary(counts: counts, minimumFrequency: minimumFrequency, reserved: reserved)
    let vocabulary = vocabulary
    // A text that holds the word "<pad>" itself means no padding.
    numbers = counts.map { reserved.contains($0.token) ? 0 : Int32(vocabulary[$0.token]) }
    (padding, end) = (Int32(vocabulary[Vocabulary.padding]), Int32(vocabulary[Vocabulary.end]))
  }

  /// A sentence's numbers with `<eos>` behind them, cut or padded to `steps`, its length, and whether it was cut.
  func row(_ ids: [Int32], steps: Int) -> (tokens: [Int32], length: Int, isCut: Bool) {
    var tokens = [Int32](repeating: padding, count: steps)
    for (place, id) in ids.prefix(steps).enumerated() {
      // One that is new since they were counted.
      tokens[place] = Int(id) < numbers.count ? numbers[Int(id)] : 0
    }
    if ids.count < steps { tokens[ids.count] = end }
    return (tokens, min(ids.count + 1, steps), ids.count >= steps)
  }
}
