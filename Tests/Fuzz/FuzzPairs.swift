/// Any bytes are pairs of sentences or an `InputError`; there are as many of one language as of the other, and each of their
/// numbers is a word.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzPairs(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  guard count > 0 else { return 0 }
  let bytes = Array(UnsafeBufferPointer(start: data + 1, count: count - 1))
  let (steps, most) = (Int(data[0] & 7) + 1, data[0] & 8 > 0 ? Int.max : 3)
  guard let pairs = try? SentencePairs(bytes, path: "fuzz", atMost: most, isLossy: data[0] & 16 > 0) else { return 0 }
  guard pairs.sources.count == pairs.targets.count, pairs.sources.count <= most else { fatalError("no pairs") }
  for column in [pairs.sources, pairs.targets] {
    guard String(validating: column.text, as: UTF8.self) != nil else { fatalError("no UTF-8") }
    let numbered = column.numbered(1, steps: steps)
    let words = 0..<Int32(numbered.vocabulary.count)
    guard numbered.tokens.count == column.count * steps, numbered.lengths.count == column.count,
      numbered.tokens.allSatisfy(words.contains), numbered.lengths.allSatisfy({ 1...Int32(steps) ~= $0 })
    else { fatalError("numbers out of range") }
  }
  return 0
}
