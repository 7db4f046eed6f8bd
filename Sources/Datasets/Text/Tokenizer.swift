/// What a token of a text is.
public enum TokenKind: String, Sendable, CaseIterable {
  /// A Unicode character (scalar), of any alphabet.
  case char
  /// What stands between blanks.
  case word
}

/// A text as numbers.
public struct TokenizedText: Sendable {
  /// The text, as numbers of the vocabulary.
  public let tokens: [Int32]
  /// Tokens by falling frequency.
  public let counts: [(token: String, count: Int)]
  /// Rarer tokens are `<unk>`.
  public let minimumFrequency: Int
  /// The tokens by their number.
  public var vocabulary: Vocabulary { Vocabulary(counts: counts, minimumFrequency: minimumFrequency) }

  /// Counts and numbers the tokens of clean UTF-8.
  public init(_ text: [UInt8], _ kind: TokenKind, minimumFrequency: Int = 0) {
    let counter = TokenCounter(kind)
    var tokens: [Int32] = []
    tokens.reserveCapacity(kind == .char ? text.count : text.count / 5)
    text.withUnsafeBufferPointer { counter.count($0, into: &tokens) }
    counter.finish(into: &tokens)
    let ranks = TokenRanks(counter.counts, minimumFrequency: minimumFrequency)
    (self.minimumFrequency, counts) = (minimumFrequency, ranks.counts)
    ranks.replace(&tokens)
    self.tokens = tokens
  }
}

/// Tokens in the order of their first use, and the numbers that they have in a vocabulary.
struct TokenRanks {
  /// Tokens by falling frequency.
  let counts: [(token: String, count: Int)]
  /// By the order of first use; rare ones are 0, `<unk>`.
  private let numbers: [Int32]

  init(_ counts: [(token: String, count: Int)], minimumFrequency: Int) {
    let order = counts.indices.sorted { left, right in
      counts[left].count == counts[right].count ? left < right : counts[left].count > counts[right].count
    }
    var numbers = [Int32](repeating: 0, count: counts.count)
    // A text may hold the word "<unk>" itself, as the Penn Treebank does: it is the unknown one.
    let known = order.lazy.filter { counts[$0].count >= minimumFrequency && counts[$0].token != Vocabulary.unknown }
    for (number, id) in known.enumerated() { numbers[id] = Int32(number + 1) }
    self.counts = order.map { counts[$0] }
    self.numbers = numbers
  }

  /// Puts the numbers of a vocabulary in the place of those by first use.
  func replace(_ ids: inout [Int32]) {
    ids.withUnsafeMutableBufferPointer { ids in
      numbers.withUnsafeBufferPointer { numbers in
        for i in ids.indices {
          let id = Int(ids[i])
          // One that is new since they were counted.
          ids[i] = id < numbers.count ? numbers[id] : 0
        }
      }
    }
  }
}

/// Numbers tokens in the order of their first use, and counts them, in a text that comes in pieces of whole characters.
final class TokenCounter {
  private let kind: TokenKind
  private var idOfScalar: [Int32] = []
  private var uses: [Int] = []
  private var scalars: [UInt32] = []
  private let table = WordTable()
  /// A word that may go on in the next piece.
  private var begun: [UInt8] = []
  private var hash = WordTable.emptyHash

  init(_ kind: TokenKind) {
    self.kind = kind
    guard kind == .char else { return }
    idOfScalar = [Int32](repeating: -1, count: 0x11_0000)
    uses = [Int](repeating: 0, count: idOfScalar.count)
  }

  /// Bytes of a word that has not ended yet.
  var begunBytes: Int { begun.count }

  /// How often each token came, in the order of their first use.
  var counts: [(token: String, count: Int)] {
    guard kind == .char else { return table.counts }
    let names = scalars.map { Unicode.Scalar($0).map { String(Character($0)) } ?? "\u{FFFD}" }
    return zip(names, uses).map { ($0, $1) }
  }

  /// Appends the ids of the next piece's tokens.
  func count(_ text: UnsafeBufferPointer<UInt8>, into ids: inout [Int32]) {
    kind == .char ? characters(text, into: &ids) : words(text, into: &ids)
  }

  /// Appends the last token, which ends with the text.
  func finish(into ids: inout [Int32]) {
    guard !begun.isEmpty else { return }
    ids.append(begun.withUnsafeBufferPointer { table.id(of: $0, hash) })
    begun = []
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
}
