/// Any bytes are pairs of sentences or an `InputError`; there are as many of one language as of the other, and each of their
/// numbers is a word.
func readFuzz(_ bytes: [UInt8]) throws {
  guard let choice = bytes.first else { return }
  let bytes = Array(bytes.dropFirst())
  let (steps, most) = (Int(choice & 7) + 1, choice & 8 > 0 ? Int.max : 3)
  let pairs = try SentencePairs(bytes, path: "fuzz", atMost: most, isLossy: choice & 16 > 0)
  guard pairs.sources.count == pairs.targets.count, pairs.sources.count <= most else { fatalError("no pairs") }
  for column in [pairs.sources, pairs.targets] {
    guard String(validating: column.text, as: UTF8.self) != nil else { fatalError("no UTF-8") }
    let numbered = column.numbered(1, steps: steps)
    let words = 0..<Int32(numbered.vocabulary.count)
    guard numbered.tokens.count == column.count * steps, numbered.lengths.count == column.count,
      numbered.tokens.allSatisfy(words.contains), numbered.lengths.allSatisfy({ 1...Int32(steps) ~= $0 })
    else { fatalError("numbers out of range") }
  }
}
