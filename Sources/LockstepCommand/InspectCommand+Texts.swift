import HDF5Files
import Lockstep

/// Texts and sentence pairs.
extension InspectCommand {
  func show(_ text: TextFile) throws {
    if digest {
      var hash = SHA256()
      hash.update("\(text.kind.rawValue)\n")
      for token in text.vocabulary.tokens { hash.update("\(token)\n") }
      for start in stride(from: 0, to: text.count, by: 1 << 20) {
        try text.tokens(start..<min(start + (1 << 20), text.count)).withUnsafeBytes { hash.update($0) }
      }
      return print(hash.digest)
    }
    let (words, unit) = (text.vocabulary.tokens, text.kind == .char ? "characters" : "words")
    print("dataset for language modelling, \(text.count) \(unit), \(words.count) different with \(words[0])")
    print("vocabulary: \(first(words))")
    let start = try text.tokens(0..<min(text.kind == .char ? 60 : 12, text.count)).map { words[Int($0)] }
    print("/train/tokens: \"\(start.joined(separator: text.kind == .char ? "" : " ")) …\"")
    if let count = text.trainingTokens { print("trainings take the first \(count) unless --max-tokens says otherwise") }
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

  /// The beginning of a vocabulary.
  private func first(_ words: [String]) -> String {
    words.prefix(20).map { "\"\($0)\"" }.joined(separator: ", ") + (words.count > 20 ? ", …" : "")
  }
}
