import Foundation
import Lockstep
import Zoo

/// Chapter 9.8: greedy, exhaustive and beam search on a vocabulary of four tokens, the last of which ends.
func beamSearchChapter(_ page: Page) throws {
  let model = TinyModel()
  let greedy = model.greedy(steps: 4)
  page.expect("greedy", greedy.text == "A B C <eos>", greedy.text)
  page.compare("its probability", exp(greedy.logarithm), notes: 0.048, within: 1e-9)
  let better = model.score([0, 2, 1, 3])
  page.compare("that of A C B <eos>", exp(better), notes: 0.054, within: 1e-9)

  let (best, all) = model.exhaustive(steps: 4, penalty: 0.75)
  page.expect("exhaustive search finds it", best.text == "A C B <eos>", "\(best.text) after \(all) continuations")
  let (short, _) = model.exhaustive(steps: 4, penalty: 0)
  page.expect("without a penalty short ones win", short.tokens.count < 4, "\(short.text), \(exp(short.logarithm))")

  for width in 1...4 {
    let (found, cost) = model.beam(width, steps: 4, penalty: 0.75)
    page.show("  beam of \(width): \(found.text), score \(found.score(0.75)) after \(cost) continuations")
    if width == 1 { page.expect("a beam of 1 is greedy", found.tokens == greedy.tokens) }
    if width == 2 { page.expect("a beam of 2 finds the best", found.tokens == best.tokens) }
    page.expect("it costs at most k · 4 · 4", cost <= 16 * width, "\(cost)")
    let library = try TinyDecoder(model).search(width, steps: 4, penalty: 0.75)
    let isSame = library.tokens == found.tokens && abs(library.logProbability - found.logarithm) < 1e-5
    page.expect("the library's finds the same", isSame, "\(library.tokens)")
  }
  // As wide as the vocabulary it is not exhaustive yet: it still drops what begins badly.
  let wide = model.beam(4, steps: 4, penalty: 0.75)
  page.expect("a beam of 4 is not exhaustive", wide.cost < all, "\(wide.cost) continuations of \(all)")
}

/// A sequence and `ln` of its probability.
private struct Candidate {
  var tokens: [Int] = []
  var logarithm = 0.0
  /// Whether the last token ends it.
  var isFinished: Bool { tokens.last == 3 }
  var text: String { tokens.map { ["A", "B", "C", "<eos>"][$0] }.joined(separator: " ") }

  /// The book's score, `ln p / lengthᵅ`: for a penalty of 0 short sequences have the advantage.
  func score(_ penalty: Double) -> Double { logarithm / pow(Double(tokens.count), penalty) }
}

/// Probabilities of the next token by what is before it: those of the book's two figures, and even ones for the rest.
private struct TinyModel {
  private let table: [[Int]: [Double]] = [
    []: [0.5, 0.2, 0.2, 0.1],
    [0]: [0.1, 0.4, 0.3, 0.2],
    [0, 1]: [0.2, 0.2, 0.4, 0.2],
    [0, 2]: [0.1, 0.6, 0.2, 0.1],
    [0, 1, 2]: [0, 0.2, 0.2, 0.6],
    [0, 2, 1]: [0.1, 0.2, 0.1, 0.6],
  ]

  func next(_ tokens: [Int]) -> [Double] { table[tokens] ?? [0.25, 0.25, 0.25, 0.25] }

  /// All continuations by one token.
  func extended(_ candidate: Candidate) -> [Candidate] {
    next(candidate.tokens).enumerated().map { token, probability in
      Candidate(tokens: candidate.tokens + [token], logarithm: candidate.logarithm + log(probability))
    }
  }

  func score(_ tokens: [Int]) -> Double {
    tokens.indices.reduce(0) { $0 + log(next(Array(tokens[..<$1]))[tokens[$1]]) }
  }

  /// The most probable token at each step.
  func greedy(steps: Int) -> Candidate {
    var result = Candidate()
    while result.tokens.count < steps && !result.isFinished {
      result = extended(result).max { $0.logarithm < $1.logarithm } ?? result
    }
    return result
  }

  /// The best of all sequences that end, or have so many tokens.
  func exhaustive(steps: Int, penalty: Double) -> (best: Candidate, cost: Int) {
    var (open, ended): ([Candidate], [Candidate]) = ([Candidate()], [])
    var cost = 0
    for _ in 0..<steps {
      let all = open.flatMap(extended)
      cost += all.count
      ended += all.filter(\.isFinished)
      open = all.filter { !$0.isFinished }
    }
    ended += open
    return (ended.max { $0.score(penalty) < $1.score(penalty) } ?? Candidate(), cost)
  }

  /// Keeps the `width` most probable beginnings at each step; the best of those that ended or reached the last step.
  func beam(_ width: Int, steps: Int, penalty: Double) -> (best: Candidate, cost: Int) {
    var (open, ended): ([Candidate], [Candidate]) = ([Candidate()], [])
    var cost = 0
    for _ in 0..<steps where !open.isEmpty {
      let all = open.flatMap(extended).sorted { $0.logarithm > $1.logarithm }
      cost += all.count
      let kept = all.prefix(width)
      ended += kept.filter(\.isFinished)
      open = kept.filter { !$0.isFinished }
    }
    ended += open
    return (ended.max { $0.score(penalty) < $1.score(penalty) } ?? Candidate(), cost)
  }
}

/// The same model as a decoder. Its state is the number of what it has read, a digit to the base of 5 for each token.
private final class TinyDecoder: SequenceDecoder {
  private let model: TinyModel
  private static let begin = 4

  init(_ model: TinyModel) { self.model = model }

  override func decode(_ tokens: Tensor, _ state: inout DecoderState) -> Tensor {
    let known = state.recurrent.hidden.to(.int64).reshaped([-1])
    let token = tokens.reshaped([-1])
    let read = (5 * known + token + 1).chosen(where: token .!= Self.begin, else: Tensor.zeros([], .int64))
    state.recurrent = RecurrentState(hidden: read.to(.float32).reshaped([1, -1, 1]))
    let logits = (0..<read.elementCount).map { row in
      model.next(Self.tokens(Int64(read[row].number))).map { Float(log($0)) }
    }
    return Tensor(logits).unsqueezed(0)
  }

  private static func tokens(_ number: Int64) -> [Int] {
    number == 0 ? [] : tokens(number / 5) + [Int(number % 5) - 1]
  }

  func search(_ width: Int, steps: Int, penalty: Double) throws -> BeamSearch.Candidate {
    let nothing = Tensor.zeros([1, 1, 1])
    let encoding = Encoding(outputs: nothing, state: RecurrentState(hidden: nothing), lengths: nil)
    let search = BeamSearch(
      width: width, lengthPenalty: penalty, begin: Self.begin, end: 3, words: 4, steps: steps)
    return try search.best(self, encoding)
  }
}
