import Foundation
import Lockstep

/// Chapter 9.5: sentences and their translations become padded rows of numbers.
func translationDataChapter(_ page: Page, _ text: SentencePairs) throws {
  let raw = try String(contentsOfFile: text.path, encoding: .utf8)
  page.show("  \(String(raw.prefix(75)).debugDescription)")
  let clean = preprocess(raw)
  page.show("  \(String(clean.prefix(80)).debugDescription)")
  page.expect("the first line, clean", clean.hasPrefix("go .\tva !\n"))
  let (source, target) = tokenize(pairs: clean)
  for sentences in [source, target] {
    page.show("  " + sentences.prefix(6).map { $0.joined(separator: " ") }.joined(separator: " | "))
  }
  page.expect("the first pair", source[0] == ["go", "."] && target[0] == ["va", "!"])
  page.draw("sentence-lengths", histogram(source, target))

  let reserved = ["<pad>", "<bos>", "<eos>"]
  let words = Vocab(Array(source.joined()), minimumFrequency: 2, reserved: reserved)
  page.show(
    "  \(words.tokens.count) English words in \(source.count) sentences: "
      + words.tokens.prefix(10).joined(separator: " "))
  let first = truncatePad(words.indices(source[0]), 10, 1)
  page.show("  the first sentence: \(first)")
  page.expect("padded to ten", first.count == 10 && first[0] > 3 && first.suffix(8).allSatisfy { $0 == 1 })
  if source.count > 167_000 {
    page.compare("the notes' whole file: words", Double(words.tokens.count), notes: 10_012, within: 0)
    page.expect("as the notes' numbers", first.prefix(2) == [47, 4], "\(first)")
  }
  page.expect("cut to ten", truncatePad(Array(0..<12), 10, 1) == Array(0..<10))
  try load(page, text.path, steps: 8)
}

/// The notes' `load_data_nmt`, from scratch next to the library's file.
private func load(_ page: Page, _ path: String, steps: Int) throws {
  var converter = PairsConverter(source: path)
  (converter.steps, converter.maximumPairs) = (steps, 600)
  let output = "\(page.workFolder)/pairs.h5"
  _ = try converter.convert(to: output)
  let file = try PairsFile.open(output)
  let data = file.dataset()
  let raw = try String(contentsOfFile: path, encoding: .utf8)
  let (source, target) = tokenize(pairs: preprocess(raw), limit: 600)
  page.expect("as many pairs", data.count == source.count, "\(data.count)")
  for (name, sentences, tokens, lengths, vocabulary) in [
    ("English", source, data.source, data.sourceLengths, file.sourceVocabulary),
    ("French", target, data.target, data.targetLengths, file.targetVocabulary),
  ] {
    let own = Vocab(Array(sentences.joined()), minimumFrequency: 2, reserved: ["<pad>", "<bos>", "<eos>"])
    let rows = sentences.map { truncatePad(own.indices($0) + own.indices(["<eos>"]), steps, 1) }
    page.expect("\(name): \(own.tokens.count) words, the library's", own.tokens == vocabulary.tokens)
    page.expect("\(name): the same numbers", tokens.map(Int.init) == Array(rows.joined()))
    page.expect("\(name): the same lengths", lengths.map(Int.init) == rows.map { $0.count { $0 != 1 } })
  }
  let batch = page.batch(of: data, [0, 1])
  for (name, sentences, lengths) in [
    ("X", batch.inputs, batch.inputLengths), ("Y", batch.targets, batch.targetLengths),
  ] {
    page.show("  \(name): \(page.tokens(sentences)), lengths \(lengths.map(page.tokens) ?? [])")
  }
}

/// The notes' `preprocess_nmt`.
private func preprocess(_ text: String) -> String {
  let scalars = Array(
    text.replacingOccurrences(of: "\u{202F}", with: " ").replacingOccurrences(of: "\u{A0}", with: " ").lowercased()
      .unicodeScalars)
  var result = String.UnicodeScalarView()
  for (place, scalar) in scalars.enumerated() {
    if place > 0, [",", ".", "!", "?"].contains(scalar), scalars[place - 1] != " " { result.append(" ") }
    result.append(scalar)
  }
  return String(result)
}

/// The notes' `tokenize_nmt`; the first `limit` lines.
private func tokenize(pairs text: String, limit: Int = .max) -> (source: [[String]], target: [[String]]) {
  var (source, target): ([[String]], [[String]]) = ([], [])
  for line in text.split(separator: "\n").prefix(limit) {
    let parts = line.split(separator: "\t")
    guard parts.count == 2 else { continue }
    source.append(parts[0].split(separator: " ").map(String.init))
    target.append(parts[1].split(separator: " ").map(String.init))
  }
  return (source, target)
}

/// The notes' `truncate_pad`.
private func truncatePad(_ line: [Int], _ steps: Int, _ padding: Int) -> [Int] {
  line.count > steps ? Array(line.prefix(steps)) : line + [Int](repeating: padding, count: steps - line.count)
}

/// Lines of gnuplot that show how long sentences are.
private func histogram(_ source: [[String]], _ target: [[String]]) -> [String] {
  func points(_ sentences: [[String]]) -> [(Double, Double)] {
    Dictionary(grouping: sentences.map(\.count), by: { $0 }).map { (Double($0.key), Double($0.value.count)) }
      .sorted { $0.0 < $1.0 }
  }
  return [
    "set xlabel 'tokens of a sentence'", "set ylabel 'sentences'", "set grid ytics", "set boxwidth 0.4",
    "set style fill solid 0.7",
  ] + Gnuplot.block("source", points(source)) + Gnuplot.block("target", points(target)) + [
    "plot $source using ($1-0.2):2 with boxes title 'source', $target using ($1+0.2):2 with boxes title 'target'"
  ]
}

/// The book's sentences: `fra.txt` of the folder that `LOCKSTEP_DATASETS` names, else a handful.
struct SentencePairs {
  let path: String
  let isWhole: Bool

  init(_ page: Page) throws {
    if let folder = ProcessInfo.processInfo.environment["LOCKSTEP_DATASETS"],
      FileManager.default.fileExists(atPath: "\(folder)/fra.txt")
    {
      (path, isWhole) = ("\(folder)/fra.txt", true)
      return
    }
    (path, isWhole) = ("\(page.workFolder)/fra.txt", false)
    try Self.handful.write(toFile: path, atomically: false, encoding: .utf8)
    page.show("  without LOCKSTEP_DATASETS: on a handful of sentences")
  }

  private static let handful = """
    Go.\tVa !
    Hi.\tSalut\u{202F}!
    Run!\tCours\u{202F}!
    I lost.\tJ'ai perdu.
    I'm home.\tJe suis chez moi.
    He's calm.\tIl est calme.
    Is he home?\tEst-il chez lui\u{202F}?
    I know, I know.\tJe sais, je sais.
    Go home, he's calm.\tVa chez toi, il est calme.

    """
}
