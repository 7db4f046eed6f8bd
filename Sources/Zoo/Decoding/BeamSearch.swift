import Foundation
import Networks
import Tensors

/// Searches the sentence that a decoder holds for the most probable: at each step the `width` most probable beginnings go on.
/// A beam of 1 is greedy search. Source: the book's chapter on beam search.
public struct BeamSearch {
  /// How many beginnings are kept at each step.
  public let width: Int
  /// The exponent `a` of the score `ln p / lengthᵃ`, `<eos>` counted; 0 favours short sentences.
  public let lengthPenalty: Double
  /// The numbers of `<bos>` and `<eos>`, and how many words there are.
  public let begin, end, words: Int
  /// The most tokens of a sentence; what has not ended by then is cut.
  public let steps: Int

  /// A search among so many words that ends a sentence with `end`, or after so many steps.
  public init(width: Int = 1, lengthPenalty: Double = 0.75, begin: Int, end: Int, words: Int, steps: Int) {
    (self.width, self.lengthPenalty) = (max(width, 1), lengthPenalty)
    (self.begin, self.end, self.words, self.steps) = (begin, end, words, steps)
  }

  /// A beginning, or a whole sentence.
  public struct Candidate {
    /// With `<eos>`, where it ended.
    public internal(set) var tokens: [Int] = []
    /// `ln` of the probability of all tokens.
    public internal(set) var logProbability = 0.0
    /// How each token looked at the source; empty without attention.
    public internal(set) var attention: [[Double]] = []

    func score(_ penalty: Double) -> Double { logProbability / pow(Double(max(tokens.count, 1)), penalty) }
  }

  /// The candidate of the highest score, of equal ones the first found. The encoding is of one sentence, a batch of 1.
  public func best(_ decoder: SequenceDecoder, _ encoding: Encoding) throws -> Candidate {
    var state = decoder.begin(encoding)
    var (open, ended) = ([Candidate()], [Candidate]())
    for _ in 0..<steps where !open.isEmpty {
      let inputs = Tensor(open.map { [Int64($0.tokens.last ?? begin)] })
      let logits = decoder.decode(inputs, &state)
      let values = try logits.values(as: Double.self)
      guard logits.shape == [1, open.count, words] else {
        throw TensorError("beam search", "logits of shape \(logits.shape), expected [1, \(open.count), \(words)]")
      }
      let kept = try continuations(of: open, values)
      let looks = try looks(decoder, rows: open.count)
      let candidates = kept.map { next in
        var candidate = open[next.row]
        candidate.tokens.append(next.token)
        candidate.logProbability = next.logProbability
        if let looks { candidate.attention.append(looks[next.row]) }
        return candidate
      }
      let going = candidates.indices.filter { candidates[$0].tokens.last != end }
      ended += candidates.filter { $0.tokens.last == end }
      let rows = going.map { kept[$0].row }
      if rows != Array(open.indices) { state = state.rows(rows) }
      open = going.map { candidates[$0] }
    }
    return (ended + open).max { $0.score(lengthPenalty) < $1.score(lengthPenalty) } ?? Candidate()
  }

  /// The most probable beginnings that are longer by one token, the best first; of equal ones that found first.
  private func continuations(
    of open: [Candidate], _ logits: [Double]
  ) throws -> [(row: Int, token: Int, logProbability: Double)] {
    var best: [(row: Int, token: Int, logProbability: Double)] = []
    for (row, candidate) in open.enumerated() {
      let values = logits[row * words..<(row + 1) * words]
      let peak = values.max() ?? 0
      let total = peak + log(values.reduce(0) { $0 + exp($1 - peak) })
      guard total.isFinite else { throw TensorError("beam search", "the decoder's logits are not finite") }
      for (token, value) in values.enumerated() where value > -.infinity {
        let sum = candidate.logProbability + value - total
        if best.count == width {
          guard sum > best[width - 1].logProbability else { continue }
          best.removeLast()
        }
        var place = best.count
        while place > 0, best[place - 1].logProbability < sum { place -= 1 }
        best.insert((row, token, sum), at: place)
      }
    }
    return best
  }

  /// How each row looked at the source in the last step; nil without attention.
  private func looks(_ decoder: SequenceDecoder, rows: Int) throws -> [[Double]]? {
    guard let weights = decoder.attentionWeights.last else { return nil }
    let values = try weights.values(as: Double.self)
    let count = values.count / rows
    return (0..<rows).map { Array(values[$0 * count..<($0 + 1) * count]) }
  }
}

extension DecoderState {
  /// Those rows of the batch; each may come more than once.
  fileprivate func rows(_ places: [Int]) -> DecoderState {
    let taken = Encoding(
      outputs: encoding.outputs.selected(places, axis: 1), state: encoding.state.rows(places),
      lengths: encoding.lengths?.selected(places))
    return DecoderState(
      encoding: taken, recurrent: recurrent.rows(places), attended: attended.map { $0.rows(places) })
  }
}

extension RecurrentState {
  fileprivate func rows(_ places: [Int]) -> RecurrentState {
    RecurrentState(hidden: hidden.selected(places, axis: 1), cell: cell?.selected(places, axis: 1))
  }
}
