import Foundation
import Lockstep

/// Chapter 15.6: subwords that a text itself shows, by merging what stands together most often.
func bytePairEncodingChapter(_ page: Page, _ book: TimeMachine) throws {
  var learning = Subwords(frequencies: [("fast_", 4), ("faster_", 3), ("tall_", 5), ("taller_", 4)])
  for _ in 0..<10 { learning.merge() }
  let merges = learning.merges.map { "\($0.0) \($0.1)" }
  page.expect(
    "ten merges", merges == ["t a", "ta l", "tal l", "f a", "fa s", "fas t", "e r", "er _", "tall _", "fast _"],
    merges.joined(separator: ", "))
  page.expect(
    "the words by then", learning.words.map(\.joined) == ["fast_", "fast er_", "tall_", "tall er_"],
    learning.words.map(\.joined).joined(separator: ", "))
  for (word, notes) in [("tallest_", "tall e s t _"), ("fatter_", "fa t t er_")] {
    let found = learning.segment(word).joined(separator: " ")
    page.expect("\(word) in subwords", found == notes, found)
  }
  try ofBytes(page, book)
}

/// The notes' learner, from scratch: words as lists of symbols, each with how often it came.
struct Subwords {
  struct Word {
    var symbols: [String]
    let count: Int
    var joined: String { symbols.joined(separator: " ") }
  }

  private(set) var words: [Word]
  private(set) var merges: [(String, String)] = []
  /// Letters and what stands for the end of a word, then what was merged.
  private var symbols: Set<String>

  init(frequencies: [(word: String, count: Int)]) {
    words = frequencies.map { Word(symbols: $0.word.map(String.init), count: $0.count) }
    symbols = Set("abcdefghijklmnopqrstuvwxyz_".map(String.init))
  }

  /// Makes one symbol of the most frequent pair, of equal ones the first.
  mutating func merge() {
    var (counts, order): ([String: Int], [(String, String)]) = ([:], [])
    for word in words {
      for (left, right) in zip(word.symbols, word.symbols.dropFirst()) {
        if counts["\(left) \(right)"] == nil { order.append((left, right)) }
        counts["\(left) \(right)", default: 0] += word.count
      }
    }
    func count(_ pair: (String, String)) -> Int { counts["\(pair.0) \(pair.1)"] ?? 0 }
    guard let most = order.map(count).max(), let pair = order.first(where: { count($0) == most }) else { return }
    for index in words.indices { words[index].symbols = Self.merged(pair, in: words[index].symbols) }
    merges.append(pair)
    symbols.insert(pair.0 + pair.1)
  }

  private static func merged(_ pair: (String, String), in symbols: [String]) -> [String] {
    symbols.reduce(into: []) { result, symbol in
      if result.last == pair.0 && symbol == pair.1 {
        result[result.count - 1] += symbol
      } else {
        result.append(symbol)
      }
    }
  }

  /// The notes' `segment_BPE`: the longest known symbol, then that of the rest.
  func segment(_ word: String) -> [String] {
    var (rest, result) = (Substring(word), [String]())
    while !rest.isEmpty {
      let lengths = stride(from: rest.count, to: 0, by: -1)
      guard let length = lengths.first(where: { symbols.contains(String(rest.prefix($0))) }) else {
        return result + ["<unk>"]
      }
      result.append(String(rest.prefix(length)))
      rest = rest.dropFirst(length)
    }
    return result
  }
}

/// The library's, whose symbols are bytes: any text of any alphabet can be spelt.
private func ofBytes(_ page: Page, _ book: TimeMachine) throws {
  var converter = TextConverter(source: book.path, kind: .bpe)
  converter.vocabularyCount = book.isWhole && !page.isQuick ? 1024 : 400
  let path = "\(page.workFolder)/byte-pairs.h5"
  let summary = try converter.convert(to: path)
  let tokenizer = try TextFile.open(path).tokenizer
  let text = book.text
  let share = Double(summary.tokenCount) / Double(text.utf8.count)
  page.show("  \(text.utf8.count) bytes are \(summary.tokenCount) tokens of \(summary.vocabularyCount) different")
  page.expect("fewer tokens than bytes", share < (book.isWhole ? 0.6 : 0.8), String(format: "%.3f", share))
  page.expect("the text comes back", tokenizer.decode(tokenizer.encode(text)) == text)
  for other in ["the time traveller", "le voyageur du temps", "时间机器"] {
    let tokens = tokenizer.encode(other)
    page.show("  \(other): \(tokens.count) tokens of \(other.utf8.count) bytes")
    page.expect("so does \"\(other)\"", tokenizer.decode(tokens) == other)
  }
  let longest = tokenizer.vocabulary.tokens.indices.map { tokenizer.decode([$0]) }.sorted { $0.count > $1.count }
  page.show("  the longest tokens: \(longest.prefix(8).map { "\"\($0)\"" }.joined(separator: ", "))")
}
