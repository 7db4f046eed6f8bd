import HDF5Files
import Lockstep

/// Texts and sentence pairs.
extension InspectCommand {
  func show(_ text: TextFile) throws {
    if digest { return print(try contentDigest(of: text)) }
    let (words, unit) = (text.vocabulary.tokens, text.kind.plural)
    print("dataset for language modelling, \(text.count) \(unit), \(words.count) different with \(words[0])")
    print("vocabulary: \(first(words))")
    if let merges = text.tokenizer.merges { print("merges: \(merges.count): \(first(merges))") }
    for name in text.splitNames {
      let part = try text.part(name)
      let start = try part.tokens(0..<min(text.kind == .char || text.kind == .byte ? 60 : 12, part.count))
      let count = name == "train" ? "" : ": \(part.count) \(unit)"
      print("/\(name)/tokens\(count): \"\(oneLine(text.tokenizer.decode(start.map(Int.init)))) …\"")
    }
    if let count = text.trainingTokens { print("trainings take the first \(count) unless --max-tokens says otherwise") }
  }

  private func contentDigest(of text: TextFile) throws -> String {
    var hash = SHA256()
    hash.update("\(text.kind.rawValue)\n")
    for token in text.vocabulary.tokens + (text.tokenizer.merges ?? []) { hash.update("\(token)\n") }
    for name in text.splitNames {
      if name != "train" { hash.update("\(name)\n") }
      let part = try text.part(name)
      for start in stride(from: 0, to: part.count, by: 1 << 20) {
        try part.tokens(start..<min(start + (1 << 20), part.count)).withUnsafeBytes { hash.update($0) }
      }
    }
    return hash.digest
  }

  func show(_ file: PairsFile) throws {
    let pairs = file.dataset()
    if digest {
      var hash = SHA256()
      for vocabulary in [file.sourceVocabulary, file.targetVocabulary] {
        for token in vocabulary.tokens { hash.update("\(token)\n") }
        hash.update("\n")
      }
      hash.update(pairs.digest)
      return print(hash.digest)
    }
    print("dataset for translation, \(file.count) pairs of \(file.steps) tokens")
    print("source vocabulary, \(file.sourceVocabulary.count): \(first(file.sourceVocabulary.tokens))")
    print("target vocabulary, \(file.targetVocabulary.count): \(first(file.targetVocabulary.tokens))")
    let tokens = pairs.targetLengths.reduce(0) { $0 + Int($1) }
    print("/train: \(tokens) target tokens without padding, such as")
    for row in 0..<min(3, pairs.count) {
      let source = sentence(pairs.source, pairs.sourceLengths, row, file.sourceVocabulary)
      print("  \(source) → \(sentence(pairs.target, pairs.targetLengths, row, file.targetVocabulary))")
    }

    func sentence(_ tokens: [Int32], _ lengths: [Int32], _ row: Int, _ vocabulary: Vocabulary) -> String {
      let start = row * file.steps
      return tokens[start..<start + Int(lengths[row])].map { vocabulary.tokens[Int($0)] }.joined(separator: " ")
    }
  }

  private func oneLine(_ text: String) -> String {
    text.replacing("\n", with: "\\n").replacing("\r", with: "\\r")
  }

  /// The beginning of a vocabulary.
  private func first(_ words: [String]) -> String {
    words.prefix(20).map { "\"\(oneLine($0))\"" }.joined(separator: ", ") + (words.count > 20 ? ", …" : "")
  }
}
