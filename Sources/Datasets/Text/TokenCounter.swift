/// Numbers tokens in the order of their first use, and counts them, in a text that comes in pieces: of whole characters for
/// characters and words, of any bytes for bytes. Byte pairs are merged within words (`WordCutter`), which are what is counted
/// for them.
final class TokenCounter {
  private let kind: TokenKind
  private var idOfScalar: [Int32] = []
  private var uses: [Int] = []
  private var scalars: [UInt32] = []
  private let cutter: WordCutter?
  /// The different words.
  let table = WordTable()
  /// A word that may go on in the next piece.
  private var begun: [UInt8] = []
  private var hash = WordTable.emptyHash

  init(_ kind: TokenKind) {
    self.kind = kind
    cutter = kind == .bpe ? WordCutter() : nil
    guard kind == .char else { return }
    idOfScalar = [Int32](repeating: -1, count: 0x11_0000)
    uses = [Int](repeating: 0, count: idOfScalar.count)
  }

  /// Bytes of a word that has not ended yet.
  var begunBytes: Int { begun.count }

  /// Different tokens so far, which have the ids below; of bytes, all there can be.
  var count: Int {
    switch kind {
    case .char: scalars.count
    case .word, .bpe: table.count
    case .byte: 256
    }
  }

  /// How a token is spelt.
  func token(_ id: Int) -> String {
    switch kind {
    case .char: Unicode.Scalar(scalars[id]).map { String(Character($0)) } ?? "\u{FFFD}"
    case .word, .bpe: String(decoding: table.word(id), as: UTF8.self)
    case .byte: String(Character(ByteAlphabet.characters[id]))
    }
  }

  /// How often each token came, in the order of their first use; not of bytes, which are not counted.
  var counts: [(token: String, count: Int)] {
    switch kind {
    case .char: zip(scalars.indices, uses).map { (token($0), $1) }
    case .word, .bpe: table.counts
    case .byte: []
    }
  }

  /// Appends the ids of the next piece's tokens.
  func count(_ text: UnsafeBufferPointer<UInt8>, into ids: inout [Int32]) {
    switch kind {
    case .char: characters(text, into: &ids)
    case .word: words(text, into: &ids)
    case .byte: for byte in text { ids.append(Int32(byte)) }
    case .bpe:
      begun += text
      cut(isLast: false, into: &ids)
    }
  }

  /// Appends the last token, which ends with the text. Another text may follow.
  func finish(into ids: inout [Int32]) {
    if kind == .bpe { return cut(isLast: true, into: &ids) }
    if !begun.isEmpty { ids.append(begun.withUnsafeBufferPointer { table.id(of: $0, hash) }) }
    (begun, hash) = ([], WordTable.emptyHash)
  }

  private func characters(_ text: UnsafeBufferPointer<UInt8>, into ids: inout [Int32]) {
    idOfScalar.withUnsafeMutableBufferPointer { idOfScalar in
      uses.withUnsafeMutableBufferPointer { uses in
        var place = 0
        while place < text.count {
          let (scalar, length) = UTF8Decoding.scalar(text, at: place) ?? (0xFFFD, 1)
          place += length
          var id = idOfScalar[Int(scalar)]
          if id < 0 {
            id = Int32(scalars.count)
            idOfScalar[Int(scalar)] = id
            scalars.append(scalar)
          }
          uses[Int(id)] += 1
          ids.append(id)
        }
      }
    }
  }

  private func words(_ text: UnsafeBufferPointer<UInt8>, into ids: inout [Int32]) {
    var start = 0
    var hash = self.hash
    for place in 0..<text.count {
      if text[place] != 0x20 {
        hash = WordTable.extend(hash, text[place])
        continue
      }
      let word = UnsafeBufferPointer(rebasing: text[start..<place])
      if !begun.isEmpty {
        begun += word
        ids.append(begun.withUnsafeBufferPointer { table.id(of: $0, hash) })
        begun.removeAll(keepingCapacity: true)
      } else if !word.isEmpty {
        ids.append(table.id(of: word, hash))
      }
      (start, hash) = (place + 1, WordTable.emptyHash)
    }
    begun += text[start...]
    self.hash = hash
  }

  /// The words that have ended; what may go on stays.
  private func cut(isLast: Bool, into ids: inout [Int32]) {
    guard let cutter else { return }
    var start = 0
    begun.withUnsafeBufferPointer { text in
      let limit = isLast ? text.count : UTF8Decoding.wholeCharacters(text)
      while start < limit, let end = cutter.end(of: text, from: start, limit: limit, isLast: isLast) {
        ids.append(table.id(of: UnsafeBufferPointer(rebasing: text[start..<end])))
        start = end
      }
    }
    begun.removeFirst(start)
  }
}
