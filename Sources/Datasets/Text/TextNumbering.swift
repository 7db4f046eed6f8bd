/// Puts the numbers of a vocabulary in the place of those that a counter gives by first use. What a counter has seen once is looked
/// up once, or taken apart into byte pairs once.
final class TextNumbering {
  let tokenizer: Tokenizer
  private let counter: TokenCounter
  /// The numbers of each of the counter's tokens, behind each other.
  private var numbers: [Int32] = []
  /// Where those of a token end; of byte pairs alone, all others are one each.
  private var ends: [Int] = []

  init(_ tokenizer: Tokenizer, _ counter: TokenCounter) { (self.tokenizer, self.counter) = (tokenizer, counter) }

  /// Tokens of all that was counted, of `ids` counts.
  func tokenCount(ofIDs ids: Int) -> Int {
    guard tokenizer.kind == .bpe else { return ids }
    lookUp()
    return ends.indices.reduce(0) { $0 + counter.table.uses(of: $1) * (ends[$1] - start(of: $1)) }
  }

  /// The numbers for what the counter has given last.
  func numbers(of ids: [Int32]) -> [Int32] {
    lookUp()
    var result: [Int32] = []
    result.reserveCapacity(ids.count)
    if tokenizer.kind == .bpe {
      for id in ids { result += numbers[start(of: Int(id))..<ends[Int(id)]] }
    } else {
      numbers.withUnsafeBufferPointer { numbers in for id in ids { result.append(numbers[Int(id)]) } }
    }
    return result
  }

  private func start(of id: Int) -> Int { id == 0 ? 0 : ends[id - 1] }

  /// Of the tokens that are new.
  private func lookUp() {
    guard let pairs = tokenizer.pairs, tokenizer.kind == .bpe else {
      for id in numbers.count..<counter.count { numbers.append(Int32(tokenizer.vocabulary[counter.token(id)])) }
      return
    }
    for id in ends.count..<counter.count {
      pairs.encode(counter.table.word(id), into: &numbers)
      ends.append(numbers.count)
    }
  }
}
