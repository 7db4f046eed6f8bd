/// Tokens and their numbers: `<unk>` is 0, then reserved ones, then all others by falling frequency; equally frequent ones
/// in the order of their first use. Source: the book's chapter on text preprocessing.
public struct Vocabulary: Sendable, Equatable {
  /// What stands for every token that is not in a vocabulary, at position 0.
  public static let unknown = "<unk>"
  /// Behind the end of a sentence that is shorter than others.
  public static let padding = "<pad>"
  /// What a decoder begins with, and what ends a sentence.
  public static let begin = "<bos>", end = "<eos>"
  /// The reserved tokens of translations, numbers 1, 2 and 3.
  public static let ofSentences = [padding, begin, end]

  /// By their number.
  public let tokens: [String]
  private let numbers: [Spelling: Int]

  /// - Parameter tokens: all of them in order, `<unk>` first.
  public init(_ tokens: [String]) {
    self.tokens = tokens
    numbers = Dictionary(tokens.enumerated().map { (Spelling($1), $0) }) { first, _ in first }
  }

  /// Of counted tokens in the order of their first use.
  public init(counts: [(token: String, count: Int)], minimumFrequency: Int = 0, reserved: [String] = []) {
    let special = [Self.unknown] + reserved
    let others = Self.byFrequency(counts).filter { $0.count >= minimumFrequency && !special.contains($0.token) }
    self.init(special + others.map(\.token))
  }

  public static func == (left: Vocabulary, right: Vocabulary) -> Bool {
    left.tokens.map(Spelling.init) == right.tokens.map(Spelling.init)
  }

  /// Tokens, the unknown one included.
  public var count: Int { tokens.count }

  /// The number of a token, 0 for an unknown one.
  public subscript(_ token: String) -> Int { numbers[Spelling(token)] ?? 0 }
  /// Whether a token has a number of its own.
  public func contains(_ token: String) -> Bool { numbers[Spelling(token)] != nil }

  /// How often each token comes, in the order of first use.
  public static func count(_ tokens: some Sequence<String>) -> [(token: String, count: Int)] {
    var places: [Spelling: Int] = [:]
    var counts: [(token: String, count: Int)] = []
    for token in tokens {
      if let place = places[Spelling(token)] {
        counts[place].count += 1
      } else {
        places[Spelling(token)] = counts.count
        counts.append((token, 1))
      }
    }
    return counts
  }

  /// The most frequent first.
  public static func byFrequency(_ counts: [(token: String, count: Int)]) -> [(token: String, count: Int)] {
    counts.enumerated().sorted { left, right in
      left.element.count == right.element.count
        ? left.offset < right.offset : left.element.count > right.element.count
    }.map(\.element)
  }
}

/// A text as its bytes spell it: to Swift "Å" is the same whether it is one scalar or two, or the sign of the ångström; a
/// text that holds them all has as many tokens.
package struct Spelling: Hashable {
  package let text: String

  package init(_ text: String) { self.text = text }

  package static func == (left: Spelling, right: Spelling) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

  package func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}

/// Runs of `length` neighbouring tokens, joined by spaces: the book's bigrams and trigrams.
public func nGrams(_ tokens: [String], length: Int) -> [String] {
  guard length > 0, tokens.count >= length else { return [] }
  return (0...tokens.count - length).map { tokens[$0..<$0 + length].joined(separator: " ") }
}
