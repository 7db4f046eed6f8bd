/// A text of sentence pairs, taken apart: a pair on each line, a tab between sentence and translation, further columns
/// ignored.
struct SentencePairs {
  /// Clean, as many of one as of the other.
  private(set) var sources = SentenceColumn(), targets = SentenceColumn()

  /// - Throws: `InputError` with the line of what is no pair, or no UTF-8.
  init(_ bytes: [UInt8], path: String, atMost most: Int = .max, isLossy: Bool = false) throws {
    if bytes.isEmpty { throw InputError(path, "is empty") }
    try bytes.withUnsafeBufferPointer { text in
      var (start, line) = (0, 0)
      while start < text.count, sources.count < most {
        line += 1
        let end = text[start...].firstIndex(of: 0x0A) ?? text.count
        defer { start = end + 1 }
        guard let tab = text[start..<end].firstIndex(of: 0x09) else {
          if text[start..<end].allSatisfy({ $0 <= 0x20 }) { continue }
          throw InputError(path, "line \(line): expected a sentence, a tab and its translation, found no tab")
        }
        let next = text[(tab + 1)..<end].firstIndex(of: 0x09) ?? end
        try sources.add(text, start..<tab, path, line, "sentence", isLossy: isLossy)
        try targets.add(text, tab + 1..<next, path, line, "translation", isLossy: isLossy)
      }
    }
    if sources.count == 0 { throw InputError(path, "holds no pair: each of its \(bytes.count) bytes is white space") }
  }
}

/// All sentences of one language.
struct SentenceColumn {
  /// A blank between words, and a line feed behind each sentence.
  var text: [UInt8] = []
  var count = 0

  /// One more sentence, from `range` of a text.
  mutating func add(
    _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ path: String, _ line: Int, _ what: String, isLossy: Bool
  ) throws {
    let before = self.text.count
    if let wrong = Sentence.append(UnsafeBufferPointer(rebasing: text[range]), isLossy: isLossy, to: &self.text) {
      let place = range.lowerBound + wrong
      throw InputError(
        path,
        "line \(line): byte \(place) (0x\(String(text[place], radix: 16))) is no UTF-8; --lossy reads on with a replacement"
      )
    }
    if self.text.count == before { throw InputError(path, "line \(line): the \(what) is empty") }
    self.text.append(0x0A)
    count += 1
  }

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
    let table = WordTable()
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
