import Lockstep

/// Chapter 10.3: softmax over the keys that count, and two ways to score a query against a key.
func attentionScoringChapter(_ page: Page) {
  let scores = Tensor.uniform([2, 2, 4], key: RandomKey(seed: 0))
  let weights = maskedSoftmaxFromScratch(scores, rows: Tensor([[2, 2], [3, 3]]))
  page.compare("weights of a query add up to", weights.sum(2).reshaped([-1]), notes: [1, 1, 1, 1])
  page.compare("behind 2 and 3 keys they are", weights[.all, .all, 3].reshaped([-1]), notes: [0, 0, 0, 0])
  page.compare("behind 2 keys, too", weights[0, .all, 2].reshaped([-1]), notes: [0, 0])
  let lengthsOfRows = Tensor([[2, 2], [3, 3]] as [[Int64]])
  let same = distance(scores.maskedSoftmax(lengthsOfRows), weights)
  page.compare("the library's, largest difference", same, notes: 0, within: 1e-6)
  let uneven = maskedSoftmaxFromScratch(scores, rows: Tensor([[1, 3], [2, 4]]))
  page.compare("a query that may look at one key", uneven[0, 0], notes: [1, 0, 0, 0])
  let all = uneven[1, 1]
  page.expect("one that may look at all", page.number(all.min()) > 0, "\(all)")

  let keys = Tensor.ones([2, 10, 2])
  let values = Tensor.arange(40, .float32).reshaped([1, 10, 4]).expanded(to: [2, 10, 4])
  let lengths = Tensor([2, 6] as [Int64])
  let notes: [Double] = [2, 3, 4, 5, 10, 11, 12, 13]
  let additive = OwnAdditiveAttention(keys: 2, queries: 20, hidden: 8)
  let (found, shares) = additive.attend(
    Tensor.normal([2, 1, 20], key: RandomKey(seed: 1)), keys, values, lengths: lengths)
  page.compare("additive attention to equal keys", found.reshaped([-1]), notes: notes, within: 1e-4)
  let library = AdditiveAttention(keys: 2, queries: 20, hidden: 8)
  page.copy(additive, to: library)
  let queries = Tensor.normal([2, 1, 20], key: RandomKey(seed: 1))
  let difference = (library.attend(queries, keys, values, lengths: lengths).weights - shares).abs().max()
  page.compare("the library's weights, largest difference", difference, notes: 0, within: 1e-6)
  page.drawHeatMap("attention-additive", shares.squeezed(1), "keys", "queries")

  let narrow = Tensor.normal([2, 1, 2], key: RandomKey(seed: 2))
  let (dot, even) = dotProductAttention(narrow, keys, values, lengths: lengths)
  let ready = ScaledDotProductAttention().attend(narrow, keys, values, lengths: lengths).output
  page.compare("the library's, largest difference", distance(ready, dot), notes: 0, within: 1e-5)
  page.compare("scaled dot product, the same", dot.reshaped([-1]), notes: notes, within: 1e-4)
  page.compare("its weights", even[0].reshaped([-1]), notes: [0.5, 0.5] + [Double](repeating: 0, count: 8))
  page.drawHeatMap("attention-dot-product", even.squeezed(1), "keys", "queries")
}

/// The notes' `masked_softmax`: over the first keys of each query, as many as `rows` says, int64 `[batch, queries]`.
func maskedSoftmaxFromScratch(_ scores: Tensor, rows: Tensor) -> Tensor {
  let counts = rows.unsqueezed(2)
  let mask = Tensor.arange(scores.shape[2]).reshaped([1, 1, scores.shape[2]]) < counts
  return scores.chosen(where: mask, else: Tensor.full([], -1e6)).softmax(2)
}

/// The same where all queries of a sequence may look at as many keys, int64 `[batch]`; nil for all.
func maskedSoftmaxFromScratch(_ scores: Tensor, lengths: Tensor?) -> Tensor {
  guard let lengths else { return scores.softmax(2) }
  return maskedSoftmaxFromScratch(scores, rows: lengths.unsqueezed(1).expanded(to: [scores.shape[0], scores.shape[1]]))
}

/// The notes' `AdditiveAttention`: `wᵥ · tanh(W_q q + W_k k)`, for queries and keys of different widths.
final class OwnAdditiveAttention: Module {
  let keys, queries, scores: Linear

  init(keys: Int, queries: Int, hidden: Int) {
    self.keys = Linear(keys, hidden, bias: false, weights: .xavierUniform).named("W_k")
    self.queries = Linear(queries, hidden, bias: false, weights: .xavierUniform).named("W_q")
    scores = Linear(hidden, 1, bias: false, weights: .xavierUniform).named("w_v")
  }

  /// Queries `[batch, queries, …]`, keys `[batch, keys, …]` and values `[batch, keys, width]` to weighted means
  /// `[batch, queries, width]` and the weights `[batch, queries, keys]`.
  func attend(
    _ query: Tensor, _ key: Tensor, _ value: Tensor, lengths: Tensor?
  ) -> (means: Tensor, weights: Tensor) {
    let features = (queries(query).unsqueezed(2) + keys(key).unsqueezed(1)).tanh()
    let weights = maskedSoftmaxFromScratch(scores(features).squeezed(3), lengths: lengths)
    return (weights.matmul(value), weights)
  }
}

/// The notes' `DotProductAttention`: `q · k / √width`, for queries and keys of one width.
func dotProductAttention(
  _ query: Tensor, _ key: Tensor, _ value: Tensor, lengths: Tensor?
) -> (means: Tensor, weights: Tensor) {
  let scores = query.matmul(key.transposed()) / Double(query.shape[2]).squareRoot()
  let weights = maskedSoftmaxFromScratch(scores, lengths: lengths)
  return (weights.matmul(value), weights)
}
