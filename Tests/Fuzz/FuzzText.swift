/// Any bytes are a text or an `InputError`; what is clean is UTF-8, and its tokens spell it again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzText(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  // The first byte chooses how to read.
  guard count > 0 else { return 0 }
  let bytes = Array(UnsafeBufferPointer(start: data + 1, count: count - 1))
  var cleaner = TextCleaner()
  (cleaner.keepsLettersOnly, cleaner.separatesLines) = (data[0] & 1 > 0, data[0] & 2 > 0)
  cleaner.isLossy = data[0] & 4 > 0
  guard let (clean, lineCount) = try? cleaner.clean(bytes, path: "fuzz") else { return 0 }
  if lineCount < 0 || lineCount > bytes.count { fatalError("\(lineCount) lines") }
  guard String(validating: clean, as: UTF8.self) != nil else { fatalError("no UTF-8") }
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
  return 0
}
