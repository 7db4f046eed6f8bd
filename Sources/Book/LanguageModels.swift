import Foundation
import Lockstep

/// Chapter 8.3: how often words and their neighbours come, and how a text is cut into sequences.
func languageModelsChapter(_ page: Page, _ book: TimeMachine) throws {
  let corpus = Array(tokenize(book.lines(), .word).joined())
  let counts = (1...3).map { Vocabulary.byFrequency(Vocabulary.count(nGrams(corpus, length: $0))) }
  let names = ["unigrams", "bigrams", "trigrams"]
  for (name, list) in zip(names, counts) {
    page.show("  \(name): " + list.prefix(10).map { "\($0.token) \($0.count)" }.joined(separator: ", "))
  }
  if book.isWhole {
    page.compare("words", Double(corpus.count), notes: 32_775, within: 0)
    let top = counts.map { list in list.prefix(3).map { "\($0.token) \($0.count)" } }
    page.expect("words that come most", top[0] == ["the 2261", "i 1267", "and 1245"])
    page.expect("pairs that come most", top[1] == ["of the 309", "in the 169", "i had 130"])
    page.expect(
      "triples that come most", top[2] == ["the time traveller 59", "the time machine 30", "the medical man 24"])
    let slopes = counts.map(zipfExponent)
    page.expect(
      "the longer the n-gram, the flatter Zipf's law", slopes[0] > slopes[1] && slopes[1] > slopes[2], "\(slopes)")
  }
  page.draw(
    "zipf", "token: x", "frequency: n(x)",
    zip(names, counts).map { name, list in
      Curve(name, list.enumerated().map { (Double($0.offset + 1), Double($0.element.count)) })
    }, ["set logscale xy"])
  try sampling(page)
}

/// α of `n ~ rank^-α`, by least squares over the ranks 1 to 1,000.
private func zipfExponent(_ counts: [(token: String, count: Int)]) -> Double {
  let points = counts.prefix(1000).enumerated().map { (log(Double($0.offset + 1)), log(Double($0.element.count))) }
  let count = Double(points.count)
  let (x, y) = (points.reduce(0) { $0 + $1.0 } / count, points.reduce(0) { $0 + $1.1 } / count)
  let covariance = points.reduce(0) { $0 + ($1.0 - x) * ($1.1 - y) }
  return -covariance / points.reduce(0) { $0 + ($1.0 - x) * ($1.0 - x) }
}

/// The numbers 0 to 34 in minibatches of 2 sequences of 5, from scratch and by the library.
private func sampling(_ page: Page) throws {
  let sequence = Array(0..<35)
  let text = try TextDataset(sequence.map(Int32.init), steps: 5, sampling: .random)

  let random = randomSequences(sequence, batchSize: 2, steps: 5, offset: 3, key: RandomKey(seed: 1, .shuffling))
  for batch in random { page.show("  random X: \(batch.x), Y: \(batch.y)") }
  page.expect("targets are the next tokens", random.allSatisfy { $0.y == $0.x.map { $0.map { $0 + 1 } } })
  page.expect("random: each subsequence once", random.flatMap(\.x).map { $0[0] }.sorted() == [3, 8, 13, 18, 23, 28])
  let epochs = (0..<20).map { text.arranged(epoch: $0, batchSize: 2, seed: 0) }
  let same = epochs.first { page.tokens(page.batch(of: $0, [0]).inputs).first == 3 }
  let starts = same.map { page.tokens(page.batch(of: $0).inputs) } ?? []
  page.expect("the library's are the same ones", starts == Array(3..<33), "\(starts)")

  let sequential = sequentialSequences(sequence, batchSize: 2, steps: 5, offset: 2)
  for batch in sequential { page.show("  sequential X: \(batch.x), Y: \(batch.y)") }
  let goesOn = zip(sequential, sequential.dropFirst()).allSatisfy { first, next in
    zip(first.x, next.x).allSatisfy { $0[0] + 5 == $1[0] }
  }
  page.expect("sequential: each row goes on in the next minibatch", goesOn && sequential.count == 3)
  let rows = try TextDataset(sequence.map(Int32.init), steps: 5, sampling: .sequential)
    .arranged(epoch: 0, batchSize: 2, seed: 0)
  let parts = (0..<rows.count).map { page.tokens(page.batch(of: rows, [$0]).inputs) }
  page.expect(
    "and so do the library's", parts.count == 4 && (0..<2).allSatisfy { parts[$0][0] + 5 == parts[$0 + 2][0] },
    "\(parts)")
}

/// A minibatch: inputs, and the same one token later.
typealias Sequences = (x: [[Int]], y: [[Int]])

/// The notes' `seq_data_iter_random`.
func randomSequences(
  _ corpus: [Int], batchSize: Int, steps: Int, offset: Int, key: RandomKey
) -> [Sequences] {
  let count = (corpus.count - offset - 1) / steps
  let starts = key.permutation(count).map { offset + $0 * steps }
  return (0..<count / batchSize).map { batch in
    let chosen = starts[batch * batchSize..<(batch + 1) * batchSize]
    return (chosen.map { Array(corpus[$0..<$0 + steps]) }, chosen.map { Array(corpus[$0 + 1...$0 + steps]) })
  }
}

/// The notes' `seq_data_iter_sequential`.
func sequentialSequences(_ corpus: [Int], batchSize: Int, steps: Int, offset: Int) -> [Sequences] {
  let length = (corpus.count - offset - 1) / batchSize
  return (0..<length / steps).map { batch in
    let starts = (0..<batchSize).map { offset + $0 * length + batch * steps }
    return (starts.map { Array(corpus[$0..<$0 + steps]) }, starts.map { Array(corpus[$0 + 1...$0 + steps]) })
  }
}
