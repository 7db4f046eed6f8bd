import Lockstep

/// Chapters 10.5 and 10.6: several attentions side by side; a sequence that attends to itself, and where its steps are.
func multiHeadAttentionChapter(_ page: Page) {
  let (width, heads) = (100, 5)
  let own = OwnMultiHeadAttention(width, heads: heads)
  let library = MultiHeadAttention(width, heads: heads).evaluate()
  page.copy(own, to: library)
  let queries = Tensor.ones([2, 4, width])
  let keys = Tensor.normal([2, 6, width], key: RandomKey(seed: 1))
  let lengths = Tensor([3, 2] as [Int64])
  let found = own.attend(queries, keys, keys, lengths: lengths)
  page.expect("as many outputs as queries", found.shape == [2, 4, width], "\(found.shape)")
  let ready = library.attend(queries, keys, keys, lengths: lengths)
  page.compare("the library's, largest difference", distance(ready, found), notes: 0, within: 1e-5)
  guard let weights = library.weights else { return page.expect("weights for a picture", false) }
  page.compare("weights add up to", weights.sum(-1).mean(), notes: 1, within: 1e-5)
  page.compare("and leave out what does not count", weights[.all, .all, .all, 3...].max(), notes: 0, within: 0)
  let alone = library(keys)
  page.expect("self-attention keeps the shape", alone.shape == keys.shape, "\(alone.shape)")
  page.drawHeatMap("attention-heads", weights[0, .all, 0], "keys", "heads")
}

/// Sines and cosines say where a step is: self-attention by itself would not know.
func positionsChapter(_ page: Page) {
  let (steps, width) = (60, 32)
  let shuffled = MultiHeadAttention(width, heads: 4).evaluate()
  let input = Tensor.normal([1, 5, width], key: RandomKey(seed: 2))
  let order = [3, 0, 4, 1, 2]
  let same = distance(shuffled(input).selected(order, axis: 1), shuffled(input.selected(order, axis: 1)))
  page.compare("steps in another order change nothing but the order", same, notes: 0, within: 1e-5)

  let table = PositionalEncoding.table(positions: steps, width)
  let layer = PositionalEncoding(width).evaluate()
  let encoded = layer(Tensor.zeros([1, steps, width]))
  page.compare("the library's, largest difference", distance(encoded.squeezed(0), table), notes: 0, within: 0)
  page.compare("position 0", table[0, ..<4], notes: [0, 1, 0, 1])
  page.compare("position 1", table[1, ..<2], notes: [0.841471, 0.540302])
  page.draw(
    "positional-encoding", "position", "",
    (6..<10).map { column in
      Curve("column \(column)", page.numbers(table[.all, column]).enumerated().map { (Double($0), $1) })
    })
  page.drawHeatMap("positional-encoding-all", table * 0.5 + 0.5, "column", "position")
  for number in [0, 1, 5] { page.show("  \(number) in binary is \(binary(number))") }

  // A step of 7 positions is one and the same turn of each pair of columns, wherever it begins.
  let shift = 7
  let pairs = table.reshaped([steps, width / 2, 2])
  let (before, after) = (pairs[..<(steps - shift)], pairs[shift...])
  let (sine, cosine) = (pairs[shift, .all, 0], pairs[shift, .all, 1])
  let turned = Tensor.stack(
    [
      before[.all, .all, 0] * cosine + before[.all, .all, 1] * sine,
      before[.all, .all, 1] * cosine - before[.all, .all, 0] * sine,
    ], axis: 2)
  page.compare("seven positions on is a turn, largest difference", distance(turned, after), notes: 0, within: 1e-5)
}

private func binary(_ number: Int) -> String {
  let digits = String(number, radix: 2)
  return String(repeating: "0", count: 3 - digits.count) + digits
}

/// The notes' `MultiHeadAttention`: heads become sequences of their own, `[batch · heads, steps, width / heads]`.
final class OwnMultiHeadAttention: Module {
  let queries, keys, values, outputs: Linear
  let heads: Int

  init(_ width: Int, heads: Int) {
    func linear(_ name: String) -> Linear { Linear(width, width, bias: false, weights: .xavierUniform).named(name) }
    (queries, keys, values, outputs) = (linear("W_q"), linear("W_k"), linear("W_v"), linear("W_o"))
    self.heads = heads
  }

  func attend(_ query: Tensor, _ key: Tensor, _ value: Tensor, lengths: Tensor?) -> Tensor {
    // The first head's sequences, then the second's: lengths as often as there are heads.
    let repeated = lengths.map { Tensor.concatenate([Tensor](repeating: $0, count: heads)) }
    let means = dotProductAttention(
      split(queries(query)), split(keys(key)), split(values(value)), lengths: repeated
    ).means
    return outputs(join(means, batch: query.shape[0]))
  }

  private func split(_ steps: Tensor) -> Tensor {
    let (batch, count, width) = (steps.shape[0], steps.shape[1], steps.shape[2] / heads)
    return steps.reshaped([batch, count, heads, width]).permuted([2, 0, 1, 3]).reshaped([heads * batch, count, width])
  }

  private func join(_ means: Tensor, batch: Int) -> Tensor {
    let (count, width) = (means.shape[1], means.shape[2])
    return means.reshaped([heads, batch, count, width]).permuted([1, 2, 0, 3]).reshaped([batch, count, heads * width])
  }
}
