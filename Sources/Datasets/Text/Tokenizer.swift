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
    let (ids, counts) = text.withUnsafeBufferPointer { kind == .char ? Self.characters($0) : Self.words($0) }
    let order = counts.indices.sorted { left, right in
      counts[left].count == counts[right].count ? left < right : counts[left].count > counts[right].count
    }
    var numbers = [Int32](repeating: 0, count: counts.count)
    // A text may hold the word "<unk>" itself, as the Penn Treebank does: it is the unknown one.
    let known = order.lazy.filter { counts[$0].count >= minimumFrequency && counts[$0].token != Vocabulary.unknown }
    for (number, id) in known.enumerated() { numbers[id] = Int32(number + 1) }
    self.minimumFrequency = minimumFrequency
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
    var idOfScalar = [Int32](repeating: -1, count: 0x11_0000)
    var uses = [Int](repeating: 0, count: idOfScalar.count)
    var scalars: [UInt32] = []
    let ids = [Int32](unsafeUninitializedCapacity: text.count) { ids, filled in
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
            ids[filled] = id
            filled += 1
          }
        }
      }
    }
    let names = scalars.map { Unicode.Scalar($0).map { String(Character($0)) } ?? "\u{FFFD}" }
    return (ids, zip(names, uses).map { ($0, $1) })
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
