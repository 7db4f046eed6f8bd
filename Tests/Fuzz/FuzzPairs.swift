/// Any bytes are pairs of sentences or an `InputError`; there are as many of one language as of the other, and each of their
/// numbers is a word. Small pieces are the same pairs.
func readFuzz(_ bytes: [UInt8]) throws {
  guard let choice = bytes.first else { return }
  let (steps, most) = (Int(choice & 7) + 1, choice & 8 > 0 ? Int.max : 3)
  let path = fileInMemory(Array(bytes.dropFirst()))
  var text = SentencePairs(path: path, most: most, isLossy: choice & 16 > 0)
  let whole = Result { try numbered(text, steps: steps) }
  text.pieceBytes = 5
  let pieces = Result { try numbered(text, steps: steps) }
  guard (try? whole.get()) == (try? pieces.get()) else { fatalError("pieces make other pairs") }
  guard try whole.get().count <= most * 2 || most == .max else { fatalError("too many pairs") }
}

private func numbered(_ text: SentencePairs, steps: Int) throws -> [[Int32]] {
  var sentences: [[Int32]] = []
  let counters = [SentenceCounter(), SentenceCounter()]
  let count = try text.forEachPair { pair in
    for (sentence, counter) in zip([pair.source, pair.target], counters) {
      guard String(validating: sentence, as: UTF8.self) != nil else { fatalError("no UTF-8") }
      var ids: [Int32] = []
      counter.count(sentence, into: &ids)
      sentences.append(ids)
    }
  }
  guard sentences.count == 2 * count else { fatalError("no pairs") }
  let numbers = counters.map { SentenceNumbers($0.counts, minimumFrequency: 1) }
  return sentences.enumerated().map { index, ids in
    let row = numbers[index % 2].row(ids, steps: steps)
    let words = 0..<Int32(numbers[index % 2].vocabulary.count)
    guard row.tokens.count == steps, row.tokens.allSatisfy(words.contains), 1...steps ~= row.length else {
      fatalError("numbers out of range")
    }
    return row.tokens
  }
}
