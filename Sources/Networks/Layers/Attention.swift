import Tensors

extension Tensor {
  /// Softmax over the last axis of scores `[batch, queries, keys]`, where only the first keys of a row count: as many as
  /// `lengths` says, int64 `[batch]` or `[batch, queries]`; nil for all. The others' scores become -10⁶, as in the book, so
  /// that their weights are 0, and uniform in a row of length 0.
  public final func maskedSoftmax(_ lengths: Tensor?) -> Tensor {
    guard let lengths else { return softmax() }
    guard rank == 3, lengths.shape == [shape[0]] || lengths.shape == [shape[0], shape[1]] else {
      let error = TensorError("masked softmax", "lengths of shape \(lengths.shape) for scores of shape \(shape)")
      return Tensor(fault: error, of: [self, lengths], shape, dtype)
    }
    let limits = lengths.rank == 2 ? lengths.unsqueezed(2) : lengths.reshaped([shape[0], 1, 1])
    let counts = Tensor.arange(shape[2]) < limits
    return chosen(where: counts, else: Tensor.full([], -1e6, dtype)).softmax()
  }
}

/// Scores `w_v · tanh(W_q q + W_k k)` of queries and keys of different sizes, and the values' mean by their softmax.
/// Source: Bahdanau et al. 2015.
public final class AdditiveAttention: Module {
  private let ofKeys, ofQueries, scores: Linear
  /// The probability that a weight of attention becomes 0 in training.
  public let dropout: Double

  /// For keys and queries of these widths, compared among so many hidden units.
  public init(keys: Int, queries: Int, hidden: Int, dropout: Double = 0) {
    ofKeys = Linear(keys, hidden, bias: false, weights: .xavierUniform).named("W_k")
    ofQueries = Linear(queries, hidden, bias: false, weights: .xavierUniform).named("W_q")
    scores = Linear(hidden, 1, bias: false, weights: .xavierUniform).named("w_v")
    self.dropout = dropout
  }

  /// `W_k k` of all keys, for several calls on the same ones.
  public func projected(keys: Tensor) -> Tensor { ofKeys(keys) }

  /// Queries `[batch, queries, …]`, keys and values `[batch, keys, …]`, of which the first `lengths` of a row count, to the
  /// means `[batch, queries, values]` and the weights `[batch, queries, keys]`.
  public func attend(
    _ queries: Tensor, _ keys: Tensor, _ values: Tensor, lengths: Tensor?
  ) -> (output: Tensor, weights: Tensor) {
    attend(queries, projectedKeys: projected(keys: keys), values, lengths: lengths)
  }

  /// The same with keys that `projected(keys:)` has made, once for many queries.
  public func attend(
    _ queries: Tensor, projectedKeys keys: Tensor, _ values: Tensor, lengths: Tensor?
  ) -> (output: Tensor, weights: Tensor) {
    let features = (ofQueries(queries).unsqueezed(2) + keys.unsqueezed(1)).tanh()
    return pooled(
      scores(features).squeezed(-1), values, lengths: lengths, dropout: isTraining ? dropout : 0)
  }
}

/// Scores `q · k / √width` of queries and keys of one width, and the values' mean by their softmax: cheaper than additive
/// attention, and without parameters. Source: Vaswani et al. 2017.
public final class ScaledDotProductAttention: Module {
  /// The probability that a weight of attention becomes 0 in training.
  public let dropout: Double

  /// Keys and queries must have one width.
  public init(dropout: Double = 0) { self.dropout = dropout }

  /// As `AdditiveAttention.attend`, with queries `[batch, queries, width]` and keys `[batch, keys, width]`.
  public func attend(
    _ queries: Tensor, _ keys: Tensor, _ values: Tensor, lengths: Tensor?
  ) -> (output: Tensor, weights: Tensor) {
    var scores = queries.matmul(keys.transposed()) / Double(max(queries.shape.last ?? 1, 1)).squareRoot()
    if queries.rank != 3 || keys.rank != 3 {
      let error = TensorError(
        "attention", "needs queries and keys [batch, …, width], not \(queries.shape) and \(keys.shape)")
      scores = Tensor(fault: error, of: [queries, keys], scores.shape)
    }
    return pooled(scores, values, lengths: lengths, dropout: isTraining ? dropout : 0)
  }
}

/// The values' means by the softmax of scores. Dropout leaves values out of the means, not out of the weights handed back.
private func pooled(
  _ scores: Tensor, _ values: Tensor, lengths: Tensor?, dropout: Double
) -> (output: Tensor, weights: Tensor) {
  let weights = scores.maskedSoftmax(lengths)
  let used = dropout > 0 ? weights.droppedOut(dropout) : weights
  return (used.matmul(values), weights)
}
