import Foundation
import HDF5Files
import Testing

@testable import Datasets
@testable import TestSupport

/// What Hugging Face's tokenizers learn from a text, and make of texts (`make_byte_pairs.py`).
struct BytePairCase: Decodable, Sendable, CustomTestStringConvertible {
  struct Other: Decodable, Sendable { let text: String, ids: [Int] }
  let name, text: String, size: Int
  let vocabulary, merges: [String], ids: [Int]
  let others: [Other]
  var testDescription: String { name }
}

/// Bytes and byte pairs.
@Suite struct BytePairTests {
  private func words(_ bytes: [UInt8]) -> [[UInt8]] {
    var result: [[UInt8]] = []
    bytes.withUnsafeBufferPointer { text in WordCutter().forEachWord(of: text) { result.append(Array($0)) } }
    return result
  }

  @Test(arguments: try Fixture.load("byte_pairs", BytePairCase.self, in: .module))
  func theReferencesTokens(_ fixture: BytePairCase) throws {
    let counter = TokenCounter(.bpe)
    var ids: [Int32] = []
    Array(fixture.text.utf8).withUnsafeBufferPointer { counter.count($0, into: &ids) }
    counter.finish(into: &ids)
    let tokenizer = try Tokenizer(
      learning: counter, .bpe, minimumFrequency: 0, vocabularyCount: fixture.size, path: "text")
    #expect(tokenizer.vocabulary.tokens == fixture.vocabulary)
    #expect(tokenizer.merges == fixture.merges)
    let numbering = TextNumbering(tokenizer, counter)
    #expect(numbering.numbers(of: ids).map(Int.init) == fixture.ids)
    #expect(numbering.tokenCount(ofIDs: ids.count) == fixture.ids.count)
    // As a checkpoint keeps it.
    let read = try Tokenizer(.bpe, tokenizer.vocabulary, merges: tokenizer.merges, path: "text")
    for other in fixture.others {
      #expect(read.encode(other.text) == other.ids, "\(other.text.debugDescription)")
      #expect(read.decode(other.ids) == other.text && read.firstUnknown(in: other.text) == nil)
    }
  }

  @Test(arguments: [
    ("It's here", ["It", "'s", " here"]),
    ("they'll we've I'm he'd", ["they", "'ll", " we", "'ve", " I", "'m", " he", "'d"]),
    ("a  b\n\nc", ["a", " ", " b", "\n", "\n", "c"]), ("x \n\t", ["x", " \n\t"]), ("12ab,;c", ["12", "ab", ",;", "c"]),
    ("''s 'S", ["''", "s", " '", "S"]), ("  ", ["  "]), (" ", [" "]), ("'", ["'"]), ("学而，时", ["学而", "，", "时"]),
  ]) func wordsOfAText(_ text: String, _ expected: [String]) {
    #expect(words(Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) } == expected)
  }

  /// In whatever pieces a text comes, be it text or not.
  @Test func piecesChangeNothing() {
    let text = Array("It's  we'll\n\n 12三 🙂\u{3000}x'".utf8) + [0xFF, 0xE4, 0xB8, 0x20, 0xF0, 0x9F]
    for kind in [TokenKind.byte, .bpe] {
      func ids(cut: Int) -> [[UInt8]] {
        let counter = TokenCounter(kind)
        var ids: [Int32] = []
        for part in [text[..<cut], text[cut...]] { part.withUnsafeBufferPointer { counter.count($0, into: &ids) } }
        counter.finish(into: &ids)
        return ids.map { kind == .byte ? [UInt8($0)] : Array(counter.table.word(Int($0))) }
      }
      let whole = ids(cut: 0)
      #expect(whole.flatMap { $0 } == text)
      for cut in text.indices { #expect(ids(cut: cut) == whole, "\(kind) cut at \(cut)") }
    }
    #expect(words(text).flatMap { $0 } == text)
    let long = [UInt8](repeating: 0x61, count: 3 * WordCutter.longestWord / 2)
    #expect(words(long).map(\.count) == [WordCutter.longestWord, WordCutter.longestWord / 2])
  }

  /// The definition: again and again the pair that was learnt first, from the left.
  @Test func mergesOfALongWord() {
    var numbers = SeededNumbers(5)
    let bytes = (0..<2000).map { _ in UInt8.random(in: 0..<3, using: &numbers) }
    let merges = [(1, 1, 4), (4, 2, 5), (2, 1, 6), (6, 6, 7), (5, 1, 8), (4, 4, 9), (3, 9, 10)].map {
      BytePairs.Merge(left: $0.0, right: $0.1, result: $0.2)
    }
    var expected = bytes.map { Int32($0) + 1 }
    while let merge = merges.first(where: { merge in
      zip(expected, expected.dropFirst()).contains { $0 == merge.left && $1 == merge.right }
    }) {
      let place = expected.indices.dropLast().first { expected[$0] == merge.left && expected[$0 + 1] == merge.right }
      guard let place else { break }
      expected.replaceSubrange(place...place + 1, with: [merge.result])
    }
    var found: [Int32] = []
    let pairs = BytePairs(merges, tokensOfBytes: (0..<256).map { $0 + 1 })
    bytes.withUnsafeBufferPointer { pairs.encode($0, into: &found) }
    #expect(found == expected && found.count < bytes.count)
  }

  @Test func bytesOfAnyFile() throws {
    let folder = try TemporaryFolder()
    let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7 + $0 / 256) }
    for kind in [TokenKind.byte, .bpe] {
      let converter = TextConverter(source: try folder.put(bytes, "any.bin"), kind: kind)
      let summary = try converter.convert(to: folder.file("any.h5"))
      let file = try TextFile.open(folder.file("any.h5"))
      #expect(file.kind == kind && file.count == summary.tokenCount && file.vocabulary.count == summary.vocabularyCount)
      let tokens = try file.tokens(0..<file.count).map { file.vocabulary.tokens[Int($0)] }
      #expect(tokens.flatMap { ByteAlphabet.bytes(of: $0) ?? [] } == bytes)
      if kind == .byte { #expect(file.vocabulary.count == 257 && file.tokenizer.merges == nil) }
    }
  }

  /// The held-out text has the training text's numbers.
  @Test(arguments: TokenKind.allCases) func aHeldOutText(_ kind: TokenKind) throws {
    let folder = try TemporaryFolder()
    var converter = TextConverter(source: try folder.put(Array("ab ab cab ab cab\n".utf8), "t.txt"), kind: kind)
    converter.validation = try folder.put(Array("cab dab ab".utf8), "v.txt")
    let summary = try converter.convert(to: folder.file("t.h5"))
    let file = try TextFile.open(folder.file("t.h5"))
    #expect(file.splitNames == ["train", "validation"])
    let part = try file.part("validation")
    let tokens = try part.tokens(0..<part.count).map(Int.init)
    #expect(part.count == summary.validationCount && tokens.count { $0 == 0 } == summary.unknownCount)
    #expect(tokens == file.tokenizer.encode("cab dab ab"))
    #expect(
      file.tokenizer.decode(tokens) == ["char": "cab <unk>ab ab", "word": "cab <unk> ab"][kind.rawValue] ?? "cab dab ab"
    )
    #expect(
      message { _ = try file.part("test") }?.hasSuffix("has no split \"test\"; it has: train, validation") == true)
    let digests = try ["train", "validation"].map { try file.part($0).digests?.values.count }
    #expect(digests == [1, 1])
  }

  @Test func aTextAsItIs() throws {
    let folder = try TemporaryFolder()
    let text = "\u{FEFF}Two  lines\r\n\n and é\n"
    var converter = TextConverter(source: try folder.put(Array(text.utf8), "t.txt"))
    converter.cleaner.keepsAll = true
    let summary = try converter.convert(to: folder.file("t.h5"))
    let file = try TextFile.open(folder.file("t.h5"))
    #expect(file.tokenizer.decode(try file.tokens(0..<file.count).map(Int.init)) == String(text.dropFirst()))
    #expect(summary.lineCount == 3)
    for (bytes, words) in [([0x61, 0xFF], "byte 1 (0xff) is no UTF-8"), ([0x61, 0], "byte 1 is 0")]
      as [([UInt8], String)]
    {
      converter = TextConverter(source: try folder.put(bytes, "bad.txt"))
      converter.cleaner.keepsAll = true
      let converter = converter
      #expect(message { _ = try converter.convert(to: folder.file("no.h5")) }?.contains(words) == true)
    }
  }

  @Test func filesThatAreWrong() throws {
    let bytes = [Vocabulary.unknown] + ByteAlphabet.tokens
    for (vocabulary, merges, words) in [
      (bytes + ["ab"], ["a b", "a b"], "/merges: place 1: \"a b\" is there twice"),
      (bytes + ["ab"], ["a c"], "/merges: place 0: expected two tokens"), (bytes + ["ab"], ["ab"], "/merges: place 0"),
      (bytes + ["ab"], ["a b c"], "/merges: place 0"), (Array(bytes.dropLast()), [], "has no token for the byte 0xad"),
    ] as [([String], [String], String)] {
      let found = message { _ = try Tokenizer(.bpe, Vocabulary(vocabulary), merges: merges, path: "f.h5") }
      #expect(found?.contains(words) == true, "\(found ?? "nothing")")
    }
    let folder = try TemporaryFolder()
    let path = try folder.put(Array("abab".utf8), "t.txt")
    _ = try TextConverter(source: path, kind: .bpe).convert(to: folder.file("t.h5"))
    let file = try TextFile.open(folder.file("t.h5"))
    #expect(file.tokenizer.merges == ["a b"] && file.vocabulary.tokens.last == "ab")
  }

  /// A token's length has a bound, so that a file of one sign is no file of long names.
  @Test func longRuns() throws {
    let folder = try TemporaryFolder()
    let text = [UInt8](repeating: 0x2D, count: 100_000)
    let converter = TextConverter(source: try folder.put(text, "t.txt"), kind: .bpe)
    let summary = try converter.convert(to: folder.file("t.h5"))
    let file = try TextFile.open(folder.file("t.h5"))
    #expect(file.vocabulary.tokens.map(\.utf8.count).max() == 256 && summary.vocabularyCount == 257 + 8)
    #expect(file.tokenizer.decode(try file.tokens(0..<file.count).map(Int.init)).utf8.elementsEqual(text))
  }
}
