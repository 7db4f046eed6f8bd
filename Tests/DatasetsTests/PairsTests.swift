import Foundation
import HDF5Files
import Testing

@testable import Datasets
@testable import TestSupport

/// Sentences and their translations.
@Suite struct PairsTests {
  private let text =
    "Go.\tVa !\nGo!\tVa\u{202F}!\tCC-BY 2.0\nI lost.\tJ'ai perdu.\r\n\nHe is calm now, is he?\tIl est calme.\nI go.\tJe vais.\n"

  private func convert(
    _ text: [UInt8], _ folder: TemporaryFolder, _ change: (inout PairsConverter) -> Void = { _ in }
  ) throws -> PairsConverter.Summary {
    var converter = PairsConverter(source: try folder.put(text, "p.txt"))
    change(&converter)
    return try converter.convert(to: folder.file("p.h5"))
  }

  @Test(arguments: [
    ("Go.", ["go", "."]), ("Va\u{202F}!", ["va", "!"]), ("À l'aide !", ["à", "l'aide", "!"]),
    ("ÇA\u{A0}VA?!", ["ça", "va", "?", "!"]),
    ("a,b", ["a", ",b"]), ("  .5 \u{2009}x", [".5", "x"]), ("ΣΟΦΙΑ İ", ["σοφια", "i\u{307}"]), ("", []), (" \t", []),
    ("你好！", ["你好！"]), ("<bos> 😀.", ["<bos>", "😀", "."]),
  ]) func wordsOfASentence(_ text: String, _ words: [String]) { #expect(Sentence.words(text) == words) }

  @Test func paddedCutAndCounted() throws {
    let folder = try TemporaryFolder()
    let summary = try convert(Array(text.utf8), folder) { $0.steps = 5 }
    #expect((summary.pairCount, summary.steps, summary.cutSource, summary.cutTarget) == (5, 5, 1, 0))
    let file = try PairsFile.open(folder.file("p.h5"))
    #expect(
      file.sourceVocabulary.tokens == ["<unk>", "<pad>", "<bos>", "<eos>", "go", ".", "i", "he", "is"])
    #expect(file.targetVocabulary.tokens == ["<unk>", "<pad>", "<bos>", "<eos>", ".", "va", "!"])
    let pairs = file.dataset()
    #expect(
      pairs.source == [
        4, 5, 3, 1, 1, 4, 0, 3, 1, 1, 6, 0, 5, 3, 1, 7, 8, 0, 0, 0, 6, 4, 5, 3, 1,
      ])
    #expect(pairs.sourceLengths == [3, 3, 4, 5, 4] && pairs.targetLengths == [3, 3, 4, 5, 4])
    #expect(pairs.target.prefix(15) == [5, 6, 3, 1, 1, 5, 6, 3, 1, 1, 0, 0, 4, 3, 1])

    let batch = try pairs.batch([3, 0])
    #expect(batch.inputs.shape == [2, 5] && batch.inputs.dtype == .int64 && batch.samples == [3, 0])
    #expect(try batch.inputs.values(as: Int64.self) == [7, 8, 0, 0, 0, 4, 5, 3, 1, 1])
    #expect(try batch.targets.values(as: Int64.self).suffix(5) == [5, 6, 3, 1, 1])
    #expect(try batch.inputLengths?.values(as: Int64.self) == [5, 3])
    #expect(try batch.targetLengths?.values(as: Int64.self) == [5, 3])
    #expect(pairs.weight(of: [3, 0]) == 8 && pairs.weight(of: []) == 0)
    #expect(message { _ = try pairs.batch([5]) }?.contains("sample 5 of 5") == true)
  }

  @Test func theFirstPairsAndTheirWords() throws {
    let folder = try TemporaryFolder()
    let two = try convert(Array(text.utf8), folder) { ($0.maximumPairs, $0.minimumFrequency) = (2, 0) }
    #expect((two.pairCount, two.sourceVocabulary, two.targetVocabulary) == (2, 7, 6))
    // A text that holds the reserved words means none of them.
    _ = try convert(Array("<pad> <eos> <unk> a\t<bos> b\n".utf8), folder) { $0.minimumFrequency = 1 }
    let file = try PairsFile.open(folder.file("p.h5"))
    #expect(file.dataset().source == [0, 0, 0, 4, 3, 1, 1, 1, 1, 1] && file.dataset().target.prefix(3) == [0, 4, 3])
  }

  @Test(arguments: [
    ("", "is empty"), (" \n\r\n", "holds no pair"), ("a\tb\nGo.\n", "line 2: expected a sentence, a tab"),
    ("a\tb\n\tVa !\n", "line 2: the sentence is empty"),
    ("a\tb\n\nGo.\t \u{A0}\tx\n", "line 3: the translation is empty"),
    ("a\tb\nGo.", "line 2: expected"),
  ]) func badTexts(_ text: String, _ words: String) throws {
    let folder = try TemporaryFolder()
    let found = message { _ = try convert(Array(text.utf8), folder) }
    #expect(found?.contains(words) == true, "\(found ?? "nothing")")
    #expect(try !folder.names.contains("p.h5"))
  }

  @Test func invalidBytes() throws {
    let folder = try TemporaryFolder()
    let bytes = Array("a\tb\nGo.\t".utf8) + [0x56, 0xE9, 0x0A]
    let found = message { _ = try convert(bytes, folder) }
    #expect(found?.contains("p.txt: line 2: byte 9 (0xe9) is no UTF-8") == true, "\(found ?? "nothing")")
    _ = try convert(bytes, folder) { ($0.isLossy, $0.minimumFrequency) = (true, 1) }
    #expect(try PairsFile.open(folder.file("p.h5")).targetVocabulary.contains("v\u{FFFD}"))
    // What is not taken is not read.
    #expect(try convert(bytes, folder) { $0.maximumPairs = 1 }.pairCount == 1)
  }

  /// A file as another program might write it, with one thing wrong.
  private func damaged(
    _ folder: TemporaryFolder, source: [Int32] = [4, 3, 1, 5, 4, 3], target: [Int32] = [4, 3, 1, 4, 3, 1],
    sourceLengths: [Int32] = [2, 3], targetLengths: [Int32] = [2, 2],
    words: [String] = ["<pad>", "<bos>", "<eos>", "a", "b"],
    steps: Int64? = 3, without: String = "", width: Int = 3
  ) throws -> String? {
    let file = try HDF5File.inMemory()
    try file.setAttribute("lockstep_format", of: "/", to: .int(1))
    try file.setAttribute("task", of: "/", to: .string("translation"))
    if let steps { try file.setAttribute("steps", of: "/", to: .int(steps)) }
    try file.writeStrings(["<unk>"] + words, to: "/source_vocabulary")
    try file.writeStrings(["<unk>", "<pad>", "<bos>", "<eos>", "c"], to: "/target_vocabulary")
    try file.write(source, shape: [source.count / width, width], to: "/train/source")
    if without != "target" { try file.write(target, shape: [target.count / 3, 3], to: "/train/target") }
    try file.write(sourceLengths, shape: [sourceLengths.count], to: "/train/source_lengths")
    if without != "lengths" { try file.write(targetLengths, shape: [targetLengths.count], to: "/train/target_lengths") }
    let path = try folder.put(try file.image(), "d.h5")
    return message { _ = try PairsFile.open(path) }
  }

  @Test func damagedFiles() throws {
    let folder = try TemporaryFolder()
    #expect(try damaged(folder) == nil)
    #expect(try damaged(folder, steps: nil) == nil)
    func expect(_ found: String?, _ words: String) { #expect(found?.contains(words) == true, "\(found ?? "nothing")") }
    expect(
      try damaged(folder, source: [4, 3, 1, 5, 6, 3]),
      "/train/source: row 1, place 1: expected a token in 0...5, found 6")
    expect(try damaged(folder, target: [4, 3, 1, -1, 3, 1]), "row 1, place 0: expected a token in 0...4, found -1")
    expect(
      try damaged(folder, sourceLengths: [2, 4]), "/train/source_lengths: row 1: expected a length in 1...3, found 4")
    expect(try damaged(folder, targetLengths: [0, 2]), "row 0: expected a length in 1...3, found 0")
    expect(try damaged(folder, targetLengths: [2]), "expected integers of the shape [2], found")
    expect(
      try damaged(folder, sourceLengths: [2, 2]),
      "/train/source: row 1, place 2: found token 3 in a sentence of length 2")
    expect(try damaged(folder, source: [4, 1, 1, 5, 4, 3]), "row 0, place 1: found token 1")
    expect(
      try damaged(folder, words: ["<bos>", "<pad>", "<eos>", "a", "b"]), "expected <pad> at place 1, found \"<bos>\"")
    expect(try damaged(folder, words: ["<pad>", "<bos>"]), "expected <eos> at place 3, found no such token")
    expect(try damaged(folder, words: ["<pad>", "<bos>", "<eos>", "a", "a"]), "\"a\" is there twice")
    expect(
      try damaged(folder, target: [4, 3, 1]), "/train/target: expected the shape [2, 3] of /train/source, found [1, 3]")
    expect(try damaged(folder, source: [4, 3, 1, 5, 4, 3], width: 2), "expected the shape [3, 2]")
    expect(try damaged(folder, steps: 4), "steps: expected 3 as in /train/source, found 4")
    expect(try damaged(folder, without: "target"), "has no /train/target")
    expect(try damaged(folder, without: "lengths"), "has no /train/target_lengths")
  }

  /// Every flipped byte is found, or harmless.
  @Test func flippedBytes() throws {
    let folder = try TemporaryFolder()
    _ = try convert(Array(text.utf8), folder)
    let path = folder.file("p.h5")
    let whole = try PairsFile.open(path)
    let image = try InputFile.bytes(of: path)
    var found = 0
    for place in stride(from: 0, to: image.count, by: 37) {
      var flipped = image
      flipped[place] ^= UInt8(1 << (place % 8))
      let other = try folder.put(flipped, "f.h5")
      guard let file = try? PairsFile.open(other) else {
        found += 1
        continue
      }
      #expect(file.dataset().digest == whole.dataset().digest, "byte \(place)")
      #expect(file.sourceVocabulary == whole.sourceVocabulary && file.targetVocabulary == whole.targetVocabulary)
    }
    #expect(found > image.count / 37 / 2)
  }

  /// Lines that lie across pieces; places in messages count from the beginning of the file.
  @Test(arguments: [1, 2, 3, 7, 1000]) func pieces(_ bytes: Int) throws {
    let text = Array("Go.\tVa !\n\n \nWho?\tQui ?\tmore\nÅ b\tä".utf8)
    let folder = try TemporaryFolder()
    var pairs = SentencePairs(path: try folder.put(text, "p.txt"))
    pairs.pieceBytes = bytes
    var (found, read) = ([[String]](), 0)
    let note = { (bytes: UnsafeRawBufferPointer) in read += bytes.count }
    let count = try pairs.forEachPair(onStoredBytes: note) { pair in
      found.append([pair.source, pair.target].map { String(decoding: $0, as: UTF8.self) })
    }
    #expect(found == [["go .", "va !"], ["who ?", "qui ?"], ["å b", "ä"]] && count == 3 && read == text.count)
    pairs.most = 2
    read = 0
    #expect(try pairs.forEachPair(onStoredBytes: note) { _ in } == 2)
    #expect(read == text.count)
    pairs = SentencePairs(path: try folder.put(text + Array(".\nbad\t\u{FF}".utf8.dropLast()), "p.txt"))
    pairs.pieceBytes = bytes
    let fault = message { _ = try pairs.forEachPair { _ in } }
    #expect(fault?.contains("line 6: byte \(text.count + 6) (0xc3) is no UTF-8") == true, "\(fault ?? "nothing")")
  }

  /// The book's 600 pairs as Python's code of the notes makes them of the same file.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["LOCKSTEP_DATASETS"] != nil)) func englishFrench() throws {
    let folder = try TemporaryFolder()
    let summary = try PairsConverter.englishFrench(source: nil).convert(to: folder.file("f.h5"))
    #expect((summary.pairCount, summary.steps) == (600, 10))
    let file = try PairsFile.open(folder.file("f.h5"))
    #expect(file.sourceVocabulary.count == 188 && file.targetVocabulary.count == 201)
    #expect(file.sourceVocabulary.tokens[4..<10] == [".", "i", "!", "i'm", "it", "go"])
    #expect(file.targetVocabulary.tokens[4..<10] == [".", "!", "je", "suis", "?", "ça"])
    let pairs = file.dataset()
    #expect(pairs.source.prefix(10) == [9, 4, 3, 1, 1, 1, 1, 1, 1, 1])
    #expect(pairs.target.prefix(10) == [22, 5, 3, 1, 1, 1, 1, 1, 1, 1])
    func weighed(_ tokens: [Int32]) -> Int { tokens.enumerated().reduce(0) { $0 + ($1.offset + 1) * Int($1.element) } }
    #expect(weighed(pairs.source) == 213_347_833 && weighed(pairs.target) == 201_437_849)
    #expect(pairs.sourceLengths.reduce(0, +) == 2482 && pairs.targetLengths.reduce(0, +) == 2601)
    var all = try PairsConverter.englishFrench(source: nil)
    all.maximumPairs = nil
    #expect(try all.convert(to: folder.file("all.h5")).pairCount == 18_066)
  }
}
