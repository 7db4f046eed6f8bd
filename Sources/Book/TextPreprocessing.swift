import Foundation
import Lockstep

/// Chapter 8.2: a text becomes lines, tokens, a vocabulary and numbers.
func textPreprocessingChapter(_ page: Page, _ book: TimeMachine) throws {
  let lines = book.lines()
  page.expect("line 0", lines[0] == "the time machine by h g wells", lines[0])
  page.expect(
    "line 10", lines[10] == "twinkled and his usually pale face was flushed and animated the", lines[10])

  let (words, characters) = (tokenize(lines, .word), tokenize(lines, .char))
  page.expect("the first line's words", words[0] == ["the", "time", "machine", "by", "h", "g", "wells"])
  page.expect("the first line's characters", characters[0].prefix(5) == ["t", "h", "e", " ", "t"])
  let counts = Dictionary(
    uniqueKeysWithValues: Vocabulary.count(tokenize(Array(lines[8...10]), .word).joined()).map { $0 })
  page.expect(
    "three lines count", counts["and"] == 3 && counts["the"] == 2 && counts["shone"] == 1, "and: 3, the: 2, shone: 1")

  let vocabulary = Vocab(Array(words.joined()))
  for line in [0, 10] {
    page.show("  words: \(words[line].joined(separator: " "))")
    page.show("  indices: \(vocabulary.indices(words[line]))")
  }
  page.expect(
    "an unknown word is 0", vocabulary.indices(["the", "zeitgeist"])[1] == 0 && vocabulary.tokens[0] == "<unk>")
  if book.isWhole {
    page.compare("lines", Double(lines.count), notes: 3221, within: 0)
    page.expect(
      "the first ten",
      vocabulary.tokens.prefix(10) == ["<unk>", "the", "i", "and", "of", "a", "to", "was", "in", "that"])
    page.expect("line 0 as numbers", vocabulary.indices(words[0]) == [1, 19, 50, 40, 2183, 2184, 400])
  }

  let corpus = Array(characters.joined())
  let letters = Vocab(corpus)
  if book.isWhole {
    page.compare("characters", Double(corpus.count), notes: 170_580, within: 0)
    page.compare("different ones with <unk>", Double(letters.tokens.count), notes: 28, within: 0)
  }
  for (kind, own, tokens) in [(TokenKind.word, vocabulary, Array(words.joined())), (.char, letters, corpus)] {
    let (text, lineCount, _) = try TextConverter.timeMachine(source: book.path, kind: kind).tokenize()
    let isSame = text.vocabulary.tokens == own.tokens && text.tokens.map(Int.init) == own.indices(tokens)
    page.expect("the library's \(kind.rawValue)s are the same, number by number", isSame && lineCount == lines.count)
  }
}

/// The book's text: `timemachine.txt` of the folder that `LOCKSTEP_DATASETS` names, else its beginning.
struct TimeMachine {
  let path: String
  /// All of it.
  let text: String
  /// Whether results can be those of the notes.
  let isWhole: Bool

  init(_ page: Page) throws {
    if let folder = ProcessInfo.processInfo.environment["LOCKSTEP_DATASETS"],
      FileManager.default.fileExists(atPath: "\(folder)/timemachine.txt")
    {
      (path, isWhole) = ("\(folder)/timemachine.txt", true)
      text = try String(contentsOfFile: path, encoding: .utf8)
      return
    }
    (path, text, isWhole) = ("\(page.workFolder)/timemachine.txt", Self.beginning, false)
    try text.write(toFile: path, atomically: false, encoding: .utf8)
    page.show("  without LOCKSTEP_DATASETS: on the book's first page, \(Self.beginning.utf8.count) bytes")
  }

  /// The notes' `read_time_machine`: nothing but small letters and blanks, line by line.
  func lines() -> [String] {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    return lines.map { line in
      line.split { !($0.isASCII && $0.isLetter) }.joined(separator: " ").lowercased()
    }
  }

  private static let beginning = """
    The Time Machine, by H. G. Wells [1898]




    I


    The Time Traveller (for so it will be convenient to speak of him)
    was expounding a recondite matter to us. His grey eyes shone and
    twinkled, and his usually pale face was flushed and animated. The
    fire burned brightly, and the soft radiance of the incandescent
    lights in the lilies of silver caught the bubbles that flashed and
    passed in our glasses. Our chairs, being his patents, embraced and
    caressed us rather than submitted to be sat upon, and there was that
    luxurious after-dinner atmosphere when thought roams gracefully
    free of the trammels of precision. And he put it to us in this
    way--marking the points with a lean forefinger--as we sat and lazily
    admired his earnestness over this new paradox (as we thought it)
    and his fecundity.

    """
}

/// The notes' `tokenize`: words or characters, line by line.
func tokenize(_ lines: [String], _ kind: TokenKind) -> [[String]] {
  lines.map { line in
    kind == .word ? line.split(separator: " ").map(String.init) : line.unicodeScalars.map { String($0) }
  }
}

/// The notes' `Vocab` from scratch: tokens by falling frequency behind `<unk>` and the reserved ones.
struct Vocab {
  let tokens: [String]
  private let numbers: [String: Int]

  init(_ corpus: [String], minimumFrequency: Int = 0, reserved: [String] = []) {
    var uses: [String: (count: Int, first: Int)] = [:]
    for (place, token) in corpus.enumerated() { uses[token, default: (0, place)].count += 1 }
    let sorted = uses.sorted { ($1.value.count, $0.value.first) < ($0.value.count, $1.value.first) }
    let special = ["<unk>"] + reserved
    tokens = special + sorted.filter { $0.value.count >= minimumFrequency && !special.contains($0.key) }.map(\.key)
    numbers = Dictionary(uniqueKeysWithValues: zip(tokens, tokens.indices))
  }

  func indices(_ words: some Sequence<String>) -> [Int] { words.map { numbers[$0] ?? 0 } }
}
