import Foundation
import HDF5Files
import Testing

@testable import Datasets
@testable import TestSupport

/// Texts as tokens.
@Suite struct TextTests {
  private func clean(_ text: String, _ change: (inout TextCleaner) -> Void = { _ in }) throws -> String {
    var cleaner = TextCleaner()
    change(&cleaner)
    return String(decoding: try cleaner.clean(Array(text.utf8), path: "t.txt").text, as: UTF8.self)
  }

  @Test func cleaning() throws {
    #expect(try clean("\u{FEFF} A\tb\r\n\r\n c\u{3000}d\u{00A0} é 中文 \n") == "A b c d é 中文")
    #expect(
      try clean("It's 1895, the 'Time'\n\n  Machine—here.\n") { $0.keepsLettersOnly = true }
        == "it s the time machine here")
    #expect(try clean("ab\ncd\n \nef") { ($0.keepsLettersOnly, $0.separatesLines) = (true, false) } == "abcdef")
    #expect(try TextCleaner().clean(Array("a\nb\nc".utf8), path: "t").lineCount == 3)
    #expect(try TextCleaner().clean(Array("a\n\nb\n".utf8), path: "t").lineCount == 3)
  }

  @Test(
    arguments: [false, true],
    [
      ([0x61, 0xFF, 0x62], 1), ([0xC3], 0), ([0x61, 0xC0, 0xAF], 1), ([0xED, 0xA0, 0x80], 0), ([0xE4, 0xB8, 0x61], 0),
      ([0xF4, 0x90, 0x80, 0x80], 0),
    ] as [(bytes: [UInt8], place: Int)])
  func invalidBytesAreTold(_ lettersOnly: Bool, _ test: (bytes: [UInt8], place: Int)) throws {
    let (bytes, place) = test
    var cleaner = TextCleaner()
    cleaner.keepsLettersOnly = lettersOnly
    let found = message { _ = try cleaner.clean(bytes, path: "t.txt") }
    #expect(
      found?.hasPrefix("t.txt: byte \(place) (0x\(String(bytes[place], radix: 16))) is no UTF-8; --lossy") == true)
    cleaner.isLossy = true
    let text = try cleaner.clean(bytes, path: "t.txt").text
    #expect(String(validating: text, as: UTF8.self) != nil)
  }

  @Test func characters() {
    let text = TokenizedText(Array("b中ab b".utf8), .char)
    #expect(text.vocabulary.tokens == ["<unk>", "b", "中", "a", " "])
    #expect(text.tokens == [1, 2, 3, 1, 4, 1])
    #expect(text.counts.map(\.count) == [3, 1, 1, 1])
  }

  /// The hash table of words against plain dictionaries, and the word "<unk>", which some corpora hold.
  @Test func words() {
    let words = (0..<90_000).map { $0 % 7 == 0 ? "the" : $0 % 11 == 0 ? "<unk>" : "w\($0 * 31 % 50_021)" }
    let text = TokenizedText(Array(words.joined(separator: " ").utf8), .word)
    let vocabulary = Vocabulary(counts: Vocabulary.count(words))
    #expect(text.vocabulary == vocabulary && vocabulary.tokens.prefix(2) == ["<unk>", "the"])
    #expect(text.tokens == words.map { Int32(vocabulary[$0]) })
    let frequent = TokenizedText(Array("a b b <unk> a b c c".utf8), .word, minimumFrequency: 2)
    #expect(frequent.vocabulary.tokens == ["<unk>", "b", "a", "c"] && frequent.tokens == [2, 1, 1, 0, 2, 1, 3, 3])
    let rare = TokenizedText(Array("a b b".utf8), .word, minimumFrequency: 2)
    #expect(rare.vocabulary.tokens == ["<unk>", "b"] && rare.tokens == [0, 1, 1])
  }

  @Test func vocabulary() {
    let counts = Vocabulary.count(["b", "a", "c", "a", "<pad>", "b", "a", "d"])
    #expect(Vocabulary(counts: counts).tokens == ["<unk>", "a", "b", "c", "<pad>", "d"])
    let reserved = Vocabulary(counts: counts, minimumFrequency: 2, reserved: Vocabulary.ofSentences)
    #expect(reserved.tokens == ["<unk>", "<pad>", "<bos>", "<eos>", "a", "b"])
    #expect(reserved["a"] == 4 && reserved["d"] == 0 && reserved["<pad>"] == 1 && !reserved.contains("d"))
    #expect(nGrams(["a", "b", "c"], length: 2) == ["a b", "b c"] && nGrams(["a"], length: 2) == [])
  }

  /// One scalar, two scalars, and the sign of the ångström: the same to Swift, three tokens to a text.
  @Test(arguments: [TokenKind.char, .word]) func spellingsThatSwiftTakesForEqual(_ kind: TokenKind) throws {
    let folder = try TemporaryFolder()
    let words = kind == .char ? ["\u{C5}", "\u{212B}"] : ["\u{C5}", "A\u{30A}", "\u{212B}"]
    let path = try folder.put(Array((words + words).joined(separator: " ").utf8), "t.txt")
    _ = try TextConverter(source: path, kind: kind).convert(to: folder.file("t.h5"))
    let file = try TextFile.open(folder.file("t.h5"))
    for word in words {
      let number = file.vocabulary[word]
      #expect(number > 0 && Array(file.vocabulary.tokens[number].utf8) == Array(word.utf8))
    }
    #expect(try Set(file.tokens(0..<file.count)).count == words.count + (kind == .char ? 1 : 0))
    #expect(Vocabulary.count(words + words).map(\.count) == words.map { _ in 2 })
    #expect(Vocabulary(["<unk>", words[0]]) != Vocabulary(["<unk>", words[1]]))
  }

  /// A text that is larger than the memory gives the samples, in the order, of one that is not.
  @Test(arguments: [SequenceSampling.random, .sequential]) func textsAreStreamed(_ sampling: SequenceSampling) throws {
    let folder = try TemporaryFolder()
    let text = (0..<5000).map { UInt8(97 + $0 * $0 % 23) }
    var converter = TextConverter(source: try folder.put(text, "t.txt"))
    converter.storage.chunkRows = 100
    _ = try converter.convert(to: folder.file("t.h5"))
    let file = try TextFile.open(folder.file("t.h5"))
    var options = StreamingOptions(memory: 16_000)
    (options.window, options.shuffling) = (1200, sampling == .random ? .windowed : nil)
    func dataset(limit: Int? = nil) throws -> TextDataset {
      try TextDataset(file, steps: 7, sampling: sampling, limit: limit, batchSize: 8, options)
    }
    let streamed = try dataset()
    options.memory = 1 << 20
    let resident = try dataset()
    #expect(streamed.digest == resident.digest)
    #expect(streamed.ordering == resident.ordering && streamed.window == resident.window)
    for epoch in 0..<3 {
      let pair = [streamed, resident].map { $0.arranged(epoch: epoch, batchSize: 8, seed: 5) }
      let samplers = pair.map { Sampler(of: $0, batchSize: 8, seed: 5) }
      #expect(samplers[0].order(epoch: epoch).samples == samplers[1].order(epoch: epoch).samples)
      #expect(samplers[0].order(epoch: epoch).samples.sorted() == Array(0..<pair[0].count))
      for index in 0..<samplers[0].batchCount {
        let samples = samplers[0].order(epoch: epoch)[samplers[0].batch(index)]
        let (found, expected) = try (pair[0].batch(samples), pair[1].batch(samples))
        #expect(try found.inputs.values(as: Int64.self) == expected.inputs.values(as: Int64.self))
        #expect(try found.targets.values(as: Int64.self) == expected.targets.values(as: Int64.self))
      }
    }
    // Of a part of the text no digest is in the file.
    options.memory = 4000
    let part = try dataset(limit: 3500)
    options.memory = 1 << 20
    #expect(try part.digest == dataset(limit: 3500).digest)
    options.memory = 1000
    #expect(throws: MemoryBudgetError.self) { _ = try dataset() }
    if sampling == .random {
      (options.memory, options.shuffling) = (16_000, .full)
      #expect(message { _ = try dataset() }?.hasPrefix("shuffle is full") == true)
    }
  }

  @Test func tokensThatAreNone() throws {
    let folder = try TemporaryFolder()
    let file = try HDF5File.inMemory()
    try file.write([1, 2, 1, 3] as [Int32], shape: [4], to: "/train/tokens")
    try TextFile.finish(
      file, Tokenizer(.char, plain: Vocabulary(["<unk>", "a", "b"])), trainingTokens: nil,
      sourceSHA256: String(repeating: "0", count: 64))
    let text = try TextFile.open(folder.put(file.image(), "t.h5"))
    #expect(try text.tokens(0..<3) == [1, 2, 1])
    let found = message { _ = try text.tokens(2..<4) }
    #expect(found?.contains("/train/tokens: place 3: expected a token in 0...2, found 3") == true, "\(found ?? "")")
  }

  @Test func textFiles() throws {
    let folder = try TemporaryFolder()
    let path = try folder.put(Array("乐山乐水，山水\n".utf8), "t.txt")
    let summary = try TextConverter(source: path).convert(to: folder.file("t.h5"))
    #expect((summary.tokenCount, summary.vocabularyCount, summary.lineCount) == (7, 5, 1))
    let file = try TextFile.open(folder.file("t.h5"))
    #expect(try file.tokens(0..<file.count).map { file.vocabulary.tokens[Int($0)] }.joined() == "乐山乐水，山水")
    #expect(file.kind == .char && file.trainingTokens == nil)
    let short = message { _ = try TextDataset(file, steps: 7, sampling: .random) }
    #expect(short == "\(folder.file("t.h5")): holds 7 tokens, but a sequence of 7 and its targets take 8")
    for (bytes, words) in [([], "is empty"), (Array(" \n\t".utf8), "holds no text")] as [([UInt8], String)] {
      let empty = try folder.put(bytes, "empty.txt")
      let found = message { _ = try TextConverter(source: empty).convert(to: folder.file("no.h5")) }
      #expect(found?.contains(words) == true, "\(found ?? "nothing")")
    }
    #expect(try !folder.names.contains("no.h5"))
  }

  @Test(.enabled(if: ProcessInfo.processInfo.environment["LOCKSTEP_DATASETS"] != nil)) func theTimeMachine() throws {
    let (text, lines, _) = try TextConverter.timeMachine(source: nil, kind: .word).tokenize()
    let vocabulary = text.vocabulary
    let words = text.tokens.map { vocabulary.tokens[Int($0)] }
    #expect(lines == 3221 && words.count == 32775 && vocabulary.count == 4580)
    #expect(words.prefix(7) == ["the", "time", "machine", "by", "h", "g", "wells"])
    func top(_ counts: [(token: String, count: Int)]) -> [String] {
      Vocabulary.byFrequency(counts).prefix(10).map { "\($0.token) \($0.count)" }
    }
    #expect(
      top(text.counts) == [
        "the 2261", "i 1267", "and 1245", "of 1155", "a 816", "to 695", "was 552", "in 541", "that 443", "my 440",
      ])
    #expect(
      top(Vocabulary.count(nGrams(words, length: 2))) == [
        "of the 309", "in the 169", "i had 130", "i was 112", "and the 109", "the time 102", "it was 99", "to the 85",
        "as i 78", "of a 73",
      ])
    #expect(
      top(Vocabulary.count(nGrams(words, length: 3))) == [
        "the time traveller 59", "the time machine 30", "the medical man 24", "it seemed to 16", "it was a 15",
        "here and there 15", "seemed to me 14", "i did not 14", "i saw the 13", "i began to 13",
      ])
    let characters = try TextConverter.timeMachine(source: nil, kind: .char).tokenize().text
    #expect(characters.tokens.count == 170580 && characters.vocabulary.count == 28)
    #expect(characters.vocabulary.tokens.prefix(10) == ["<unk>", " ", "e", "t", "a", "i", "n", "o", "s", "h"])
  }
}
