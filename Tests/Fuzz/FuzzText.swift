/// Byte pairs spell any bytes again.
private func readBytePairs(_ bytes: [UInt8]) throws {
  let counter = TokenCounter(.bpe)
  var ids: [Int32] = []
  for part in [bytes.prefix(bytes.count / 2), bytes.suffix(from: bytes.count / 2)] {
    part.withUnsafeBufferPointer { counter.count($0, into: &ids) }
  }
  counter.finish(into: &ids)
  let tokenizer = try Tokenizer(
    learning: counter, .bpe, minimumFrequency: 0, vocabularyCount: 300, path: "fuzz")
  let tokens = TextNumbering(tokenizer, counter).numbers(of: ids).map { tokenizer.vocabulary.tokens[Int($0)] }
  if tokens.flatMap({ ByteAlphabet.bytes(of: $0) ?? [] }) != bytes { fatalError("other bytes") }
}

/// Any bytes are a text or an `InputError`; what is clean is UTF-8, and its tokens spell it again.
func readFuzz(_ bytes: [UInt8]) throws {
  // The first byte chooses how to read.
  guard let choice = bytes.first else { return }
  let bytes = Array(bytes.dropFirst())
  var cleaner = TextCleaner()
  (cleaner.keepsLettersOnly, cleaner.separatesLines) = (choice & 1 > 0, choice & 2 > 0)
  cleaner.isLossy = choice & 4 > 0
  let (clean, lineCount) = try cleaner.clean(bytes, path: "fuzz")
  if lineCount < 0 || lineCount > bytes.count { fatalError("\(lineCount) lines") }
  guard String(validating: clean, as: UTF8.self) != nil else { fatalError("no UTF-8") }
  if choice & 8 > 0 { try readBytePairs(bytes) }
  let words = TokenizedText(clean, .word)
  let vocabulary = words.vocabulary
  let spelled = words.tokens.map { $0 == 0 ? "<unk>" : vocabulary.tokens[Int($0)] }.joined(separator: " ")
  if !spelled.utf8.elementsEqual(clean) { fatalError("other words") }
  // Whole tables of the 1.1 million characters make it a thousand times slower: one of 128.
  if bytes.reduce(0, &+) & 127 == 0 {
    let characters = TokenizedText(clean, .char)
    let text = characters.tokens.map { characters.vocabulary.tokens[Int($0)] }.joined()
    if !text.utf8.elementsEqual(clean) { fatalError("other characters") }
  }
}
