import Foundation
import Lockstep
import Testing
import Zoo

@testable import TestSupport

@Suite("Decoding of translations")
struct DecodingTests {
  @Test("A beam that drops nothing finds what an exhaustive search does", arguments: 0..<8)
  func exhaustive(seed: Int) throws {
    let decoder = MadeUpDecoder(seed: UInt64(seed))
    for penalty in [0, 0.75, 1, 2] {
      let found = try decoder.search(width: 1000, penalty: penalty)
      let best = try #require(
        decoder.all().max {
          $0.logarithm / pow(Double($0.tokens.count), penalty) < $1.logarithm / pow(Double($1.tokens.count), penalty)
        })
      #expect(found.tokens == best.tokens)
      #expect(abs(found.logProbability - best.logarithm) < 1e-9)
    }
  }

  @Test("A beam of 1 takes the most probable word at each step", arguments: 0..<8)
  func greedy(seed: Int) throws {
    let decoder = MadeUpDecoder(seed: UInt64(seed))
    var tokens: [Int] = []
    while tokens.count < MadeUpDecoder.steps, tokens.last != MadeUpDecoder.end {
      let values = decoder.logits(after: tokens)
      tokens.append(values.indices.reduce(0) { values[$1] > values[$0] ? $1 : $0 })
    }
    for penalty in [0, 0.75] {
      let found = try decoder.search(width: 1, penalty: penalty)
      #expect(found.tokens == tokens)
      #expect(abs(found.logProbability - decoder.logarithm(of: tokens)) < 1e-9)
    }
  }

  @Test("The state and the attention of a beginning stay with it", arguments: [1, 2, 3, 7])
  func states(width: Int) throws {
    for seed in 0..<8 {
      let decoder = MadeUpDecoder(seed: UInt64(seed))
      let found = try decoder.search(width: width, penalty: 0.75)
      #expect(abs(found.logProbability - decoder.logarithm(of: found.tokens)) < 1e-9)
      let histories = found.tokens.indices.map { MadeUpDecoder.history(Array(found.tokens[..<$0])) }
      #expect(found.attention.map { $0[0] } == histories)
    }
  }

  /// The figures of the book's chapter: greedy search finds A B C, a beam of 2 the more probable A C B.
  @Test func bookExample() throws {
    let table: [[Int]: [Double]] = [
      []: [0.5, 0.2, 0.2, 0.1], [0]: [0.1, 0.4, 0.3, 0.2], [0, 1]: [0.2, 0.2, 0.4, 0.2],
      [0, 2]: [0.1, 0.6, 0.2, 0.1], [0, 1, 2]: [0, 0.2, 0.2, 0.6], [0, 2, 1]: [0.1, 0.2, 0.1, 0.6],
    ]
    let decoder = MadeUpDecoder { (table[$0] ?? [0.25, 0.25, 0.25, 0.25]).map { log($0) } }
    let (greedy, beam) = (try decoder.search(width: 1, penalty: 0.75), try decoder.search(width: 2, penalty: 0.75))
    #expect(greedy.tokens == [0, 1, 2, 3] && beam.tokens == [0, 2, 1, 3])
    #expect(abs(exp(greedy.logProbability) - 0.048) < 1e-6 && abs(exp(beam.logProbability) - 0.054) < 1e-6)
  }

  @Test("A decoder of other words, and logits that are no numbers, are refused")
  func refusals() throws {
    #expect(throws: TensorError.self) { try MadeUpDecoder { _ in [0, 1, 2] }.search(width: 2, penalty: 0) }
    #expect(throws: TensorError.self) { try MadeUpDecoder { _ in [0, 1, .nan, 2] }.search(width: 2, penalty: 0) }
    #expect(throws: TensorError.self) {
      try MadeUpDecoder { _ in [0, 1, .infinity, 2] }.search(width: 2, penalty: 0)
    }
  }

  @Test("Real networks: sentences whose length is not the most are masked and padded", arguments: [false, true])
  func translator(hasAttention: Bool) throws {
    let (source, target) = (
      Vocabulary([Vocabulary.unknown] + Vocabulary.ofSentences + ["go", "."]),
      Vocabulary([Vocabulary.unknown] + Vocabulary.ofSentences + ["va"])
    )
    let decoder =
      hasAttention
      ? AttentionDecoder(vocabulary: 5, width: 3, hidden: 4, layers: 2, dropout: 0.5)
      : Seq2SeqDecoder(vocabulary: 5, width: 3, hidden: 4, layers: 2, dropout: 0.5)
    let model = EncoderDecoder(
      Seq2SeqEncoder(vocabulary: 6, width: 3, hidden: 4, layers: 2, dropout: 0.5), decoder)
    let translator = Translator(model: model, sourceVocabulary: source, targetVocabulary: target, steps: 4)
    let found = try translator.beam(["go", "zebra"], width: 1000, lengthPenalty: 1)
    #expect(model.isTraining)
    // All sentences at once, by teacher forcing.
    model.evaluate()
    let all = try sentences(words: 5, end: 3, steps: 4).map { tokens in
      let inputs = Tensor([([2] + tokens.dropLast()).map { Int64($0) }])
      let logits = model.logits(
        source: Tensor([[Int64(4), 0, 3, 1]]), lengths: Tensor([Int64(3)]), inputs: inputs)
      let shares = try logits.to(.float64).logSoftmax().values(as: Double.self)
      let sum = tokens.indices.reduce(0) { $0 + shares[$1 * 5 + tokens[$1]] }
      return (tokens: tokens, sum: sum)
    }
    let best = try #require(all.max { $0.sum / Double($0.tokens.count) < $1.sum / Double($1.tokens.count) })
    #expect(abs(found.logProbability - best.sum) < 1e-5)
    #expect(found.words == best.tokens.filter { $0 != 3 }.map { target.tokens[$0] })
    #expect(found.isEnded == (best.tokens.last == 3))
    #expect(found.attention.count == (hasAttention ? best.tokens.count : 0))
    for row in found.attention { #expect(row.count == 3 && abs(row.reduce(0, +) - 1) < 1e-5) }
    #expect(try translator.greedy(["go"]).text == translator.beam(["go"], width: 1, lengthPenalty: 2).text)
    #expect(throws: InputError.self) { try translator.greedy([]) }
    #expect(throws: InputError.self) { try translator.greedy(["go", "go", "go", "."]) }
    #expect(try translator.greedy(["go", "go", "."]).words.count <= 4)
  }

  struct Score: Sendable {
    let predicted, label: String, k: Int, value: Double
    init(_ predicted: String, _ label: String, _ k: Int, _ value: Double) {
      (self.predicted, self.label, self.k, self.value) = (predicted, label, k, value)
    }
  }

  static let scores: [Score] = [
    Score("va !", "va !", 2, 1), Score("", "va !", 2, 0), Score("a", "b", 1, 0),
    // exp(1 - 2): too short, and without pairs of its own.
    Score("va", "va !", 2, 0.3678794),
    // The book's example: of A B B C D, four words, three pairs and one triple are in A B C D E F, and it is one too short:
    // exp(-1/5) · (4/5)^(1/2) · (3/4)^(1/4) · (1/3)^(1/8) · 0.
    Score("A B B C D", "A B C D E F", 1, 0.7322950), Score("A B B C D", "A B C D E F", 2, 0.6814773),
    Score("A B B C D", "A B C D E F", 3, 0.5940339), Score("A B B C D", "A B C D E F", 4, 0),
    // What the book prints for its wrong translation: (3/4)^(1/2) · (1/3)^(1/4).
    Score("il est riche .", "il est calme .", 2, 0.6580370),
    // The wanted word counts once.
    Score("va va va", "va", 1, 0.5773503),
  ]

  @Test("BLEU is that of hand-computed values", arguments: scores)
  func bleuValues(_ score: Score) {
    #expect(abs(bleu(score.predicted, score.label, k: score.k) - score.value) < 1e-6)
  }
}

/// Every sentence of up to `steps` tokens that ends, or has the most.
private func sentences(words: Int, end: Int, steps: Int) -> [[Int]] {
  var (open, ended): ([[Int]], [[Int]]) = ([[]], [])
  for _ in 0..<steps {
    let longer = open.flatMap { start in (0..<words).map { start + [$0] } }
    ended += longer.filter { $0.last == end }
    open = longer.filter { $0.last != end }
  }
  return ended + open
}

/// Logits of four words, the last of which ends, by what was decoded before: its state holds that as a number.
private final class MadeUpDecoder: SequenceDecoder {
  static let (words, end, steps) = (4, 3, 4)
  private let rule: ([Int]) -> [Double]
  private var weights: [Tensor] = []

  init(_ rule: @escaping ([Int]) -> [Double]) { self.rule = rule }

  convenience init(seed: UInt64) {
    self.init { tokens in
      let key = RandomKey(seed: seed, sample: Int(Self.history(tokens)))
      return (0..<Self.words).map { 3 * Double(key.bounded(10_000, draw: $0)) / 10_000 }
    }
  }

  /// Tokens as the digits of a number of base 5, none of them 0.
  static func history(_ tokens: [Int]) -> Double { tokens.reduce(0) { $0 * 5 + Double($1 + 1) } }

  private static func tokens(_ history: Double) -> [Int] {
    var (rest, result) = (Int(history), [Int]())
    while rest > 0 {
      result.insert(rest % 5 - 1, at: 0)
      rest /= 5
    }
    return result
  }

  /// Rounded as the decoder hands them out.
  func logits(after tokens: [Int]) -> [Double] { rule(tokens).map { Double(Float($0)) } }

  override var attentionWeights: [Tensor] { weights }

  override func decode(_ tokens: Tensor, _ state: inout DecoderState) -> Tensor {
    let (known, new) = (numbers(state.recurrent.hidden), numbers(tokens))
    let histories = zip(known, new).map {
      // The first token is `<bos>`, number 9, which is no part of what was decoded.
      $1 == 9 ? 0 : $0 * 5 + $1 + 1
    }
    let rows = histories.count
    state.recurrent = RecurrentState(hidden: Tensor(histories.map { Float($0) }, shape: [1, rows, 1]))
    weights = [Tensor(histories.flatMap { [Float($0), 1] }, shape: [rows, 2])]
    let logits = histories.map { rule(Self.tokens($0)) }
    return Tensor(logits.flatMap { $0.map { Float($0) } }, shape: [1, rows, logits.first?.count ?? 0])
  }

  private func numbers(_ tensor: Tensor) -> [Double] {
    do { return try tensor.values() } catch { return [] }
  }

  func search(width: Int, penalty: Double) throws -> BeamSearch.Candidate {
    let search = BeamSearch(
      width: width, lengthPenalty: penalty, begin: 9, end: Self.end, words: Self.words, steps: Self.steps)
    let hidden = Tensor.zeros([1, 1, 1])
    return try search.best(
      self, Encoding(outputs: hidden, state: RecurrentState(hidden: hidden), lengths: Tensor([Int64(1)])))
  }

  func logarithm(of tokens: [Int]) -> Double {
    tokens.indices.reduce(0) { sum, place in
      let values = logits(after: Array(tokens[..<place]))
      return sum + values[tokens[place]] - log(values.reduce(0) { $0 + exp($1) })
    }
  }

  func all() -> [(tokens: [Int], logarithm: Double)] {
    sentences(words: Self.words, end: Self.end, steps: Self.steps).map { ($0, logarithm(of: $0)) }
  }
}
