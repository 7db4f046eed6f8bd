/// What a token of a text is.
public enum TokenKind: String, Sendable, CaseIterable {
  /// A Unicode character (scalar), of any alphabet.
  case char
  /// What stands between blanks.
  case word
}

/// A text as numbers.
public struct TokenizedText: Sendable {
  public let tokens: [Int32]
  /// Tokens by falling frequency.
  public let counts: [(token: String, count: Int)]
  public var vocabulary: Vocabulary { Vocabulary(counts: counts) }

  /// Counts and numbers the tokens of clean UTF-8.
  public init(_ text: [UInt8], _ kind: TokenKind) {
    let (ids, counts) = text.withUnsafeBufferPointer { kind == .char ? Self.characters($0) : Self.words($0) }
    let order = counts.indices.sorted { left, right in
      counts[left].count == counts[right].count ? left < right : counts[left].count > counts[right].count
    }
    var numbers = [Int32](repeating: 0, count: counts.count)
    for (number, id) in order.enumerated() { numbers[id] = Int32(number + 1) }
    self.counts = order.map { counts[$0] }
    var tokens = ids
    tokens.withUnsafeMutableBufferPointer { tokens in
      numbers.withUnsafeBufferPointer { numbers in
        for i in tokens.indices { tokens[i] = numbers[Int(tokens[i])] }
      }
    }
    self.tokens = tokens
  }

  private typealias Counted = (ids: [Int32], counts: [(token: String, count: Int)])

  /// Ids in the order of first use.
  private static func characters(_ text: UnsafeBufferPointer<UInt8>) -> Counted {
    var ids: [Int32] = []
    ids.reserveCapacity(text.count)
    var idOfScalar = [Int32](repeating: -1, count: 0x11_0000)
    var scalars: [UInt32] = []
    var counts: [Int] = []
    idOfScalar.withUnsafeMutableBufferPointer { idOfScalar in
      var place = 0
      while place < text.count {
        let (scalar, length) = UTF8Decoding.scalar(text, at: place) ?? (0xFFFD, 1)
        place += length
        var id = idOfScalar[Int(scalar)]
        if id < 0 {
          id = Int32(scalars.count)
          idOfScalar[Int(scalar)] = id
          scalars.append(scalar)
          counts.append(0)
        }
        counts[Int(id)] += 1
        ids.append(id)
      }
    }
    let names = scalars.map { Unicode.Scalar($0).map { String(Character($0)) } ?? "\u{FFFD}" }
    return (ids, zip(names, counts).map { ($0, $1) })
  }

  private static func words(_ text: UnsafeBufferPointer<UInt8>) -> Counted {
    var table = WordTable()
    var ids: [Int32] = []
    ids.reserveCapacity(text.count / 5)
    var start = 0
    var hash: UInt64 = WordTable.emptyHash
    for place in 0...text.count {
      if place < text.count && text[place] != 0x20 {
        hash = WordTable.extend(hash, text[place])
        continue
      }
      if place > start { ids.append(table.id(of: UnsafeBufferPointer(rebasing: text[start..<place]), hash)) }
      (start, hash) = (place + 1, WordTable.emptyHash)
    }
    return (ids, table.counts)
  }
}

/// Numbers words in the order of first use: a hash table whose keys stay bytes, as strings would cost ten times as much.
private struct WordTable {
  static let emptyHash: UInt64 = 0xCBF2_9CE4_8422_2325

  /// Fowler, Noll and Vo's.
  @inline(__always)
  static func extend(_ hash: UInt64, _ byte: UInt8) -> UInt64 { (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }

  /// Ids by place, -1 where free; a power of two of them.
  private var slots = [Int32](repeating: -1, count: 1 << 16)
  private var hashes: [UInt64] = []
  private var words: [UnsafeBufferPointer<UInt8>] = []
  private var uses: [Int] = []

  var counts: [(token: String, count: Int)] {
    zip(words, uses).map { (String(decoding: $0, as: UTF8.self), $1) }
  }

  mutating func id(of word: UnsafeBufferPointer<UInt8>, _ hash: UInt64) -> Int32 {
    if words.count * 2 > slots.count { grow() }
    var slot = Self.slot(hash, slots.count)
    while slots[slot] >= 0 {
      let id = Int(slots[slot])
      if hashes[id] == hash, words[id].elementsEqual(word) {
        uses[id] += 1
        return Int32(id)
      }
      slot = (slot + 1) & (slots.count - 1)
    }
    slots[slot] = Int32(words.count)
    hashes.append(hash)
    words.append(word)
    uses.append(1)
    return Int32(words.count - 1)
  }

  private mutating func grow() {
    var larger = [Int32](repeating: -1, count: slots.count * 2)
    for (id, hash) in hashes.enumerated() {
      var slot = Self.slot(hash, larger.count)
      while larger[slot] >= 0 { slot = (slot + 1) & (larger.count - 1) }
      larger[slot] = Int32(id)
    }
    slots = larger
  }

  private static func slot(_ hash: UInt64, _ count: Int) -> Int {
    Int(truncatingIfNeeded: hash ^ hash >> 32) & (count - 1)
  }
}
