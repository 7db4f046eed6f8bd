import Foundation
import Networks
import Tensors
import Testing

@testable import TestSupport
@testable import Zoo

/// Drawing tokens.
@Suite struct TokenSamplingTests {
  private let logits = Tensor([1, 3, 2, 2, -1, 0] as [Float])

  private func shares(_ sampling: TokenSampling, draws: Int = 4000) throws -> [Double] {
    var counts = [Double](repeating: 0, count: 6)
    for place in 0..<draws { counts[try sampling.choose(logits, place: place)] += 1 / Double(draws) }
    return counts
  }

  private func softmax(_ temperature: Double, among tokens: [Int]) -> [Double] {
    let powers = [1, 3, 2, 2, -1, 0].enumerated().map { tokens.contains($0) ? exp($1 / temperature) : 0.0 }
    return powers.map { $0 / powers.reduce(0, +) }
  }

  /// Frequencies are those of the softmax, of what is left by each choice.
  @Test(
    arguments: [
      (1, nil, nil, [0, 1, 2, 3, 4, 5]), (0.5, nil, nil, [0, 1, 2, 3, 4, 5]), (3, 3, nil, [1, 2, 3]),
      (1, 2, nil, [1, 2]),
      (1, nil, 0.5, [1]), (1, nil, 0.6, [1, 2]), (1, nil, 1, [0, 1, 2, 3, 4, 5]), (1, 3, 0.9, [1, 2, 3]),
      (2, 1, 0.01, [1]),
      (1, 100, nil, [0, 1, 2, 3, 4, 5]),
    ] as [(Double, Int?, Double?, [Int])])
  func frequencies(_ temperature: Double, _ topK: Int?, _ topP: Double?, _ tokens: [Int]) throws {
    var sampling = TokenSampling()
    (sampling.temperature, sampling.topK, sampling.topP, sampling.seed) = (temperature, topK, topP, 3)
    let (found, wanted) = (try shares(sampling), softmax(temperature, among: tokens))
    for token in found.indices {
      // Five deviations of so many draws.
      let bound = 5 * (wanted[token] * (1 - wanted[token]) / 4000).squareRoot() + 1e-9
      #expect(abs(found[token] - wanted[token]) <= bound, "token \(token): \(found[token]), not \(wanted[token])")
    }
  }

  @Test func seedsAndPlaces() throws {
    var sampling = TokenSampling()
    func drawn() throws -> [Int] { try (0..<50).map { try sampling.choose(logits, place: $0) } }
    let first = try drawn()
    #expect(try drawn() == first)
    sampling.seed = 1
    #expect(try drawn() != first)
    #expect(throws: TensorError.self) { try sampling.choose(Tensor([1, .nan] as [Float]), place: 0) }
  }

  /// Of a recurrent model, too; without it the most probable token comes.
  @Test func recurrentModels() throws {
    let model = LanguageModel(Recurrent(.gru, 7, 5), vocabulary: 7)
    model.initializeAll(seed: 2)
    let greedy = try model.generate([1, 2], length: 9)
    var state: [Tensor]?
    var (tokens, unread): ([Int], [Int64]) = ([1, 2], [1, 2])
    for _ in 0..<9 {
      let (logits, last) = model.run(Tensor([unread]), from: state)
      (state, unread) = (last, [Int64(try logits[-1].argmax().item())])
      tokens.append(Int(unread[0]))
    }
    #expect(greedy == tokens)
    var sampling = TokenSampling()
    sampling.topK = 1
    #expect(try model.generate([1, 2], length: 9, sampling: sampling) == greedy)
    (sampling.topK, sampling.temperature) = (nil, 5)
    #expect(try model.generate([1, 2], length: 20, sampling: sampling) != model.generate([1, 2], length: 20))
  }
}
