import Tensors

/// Keys and values of the steps so far, `[batch, heads, steps, width / heads]` each: what new steps look at without computing
/// the old ones again.
public struct KeysAndValues {
  /// What is compared with queries, and what the means are of.
  public let keys, values: Tensor

  /// Of as many steps each.
  public init(keys: Tensor, values: Tensor) { (self.keys, self.values) = (keys, values) }

  /// How many steps there are.
  public var steps: Int { keys.rank == 4 ? keys.shape[2] : 0 }

  /// These, and behind them those of further steps.
  public func appending(_ next: KeysAndValues) -> KeysAndValues {
    KeysAndValues(
      keys: .concatenate([keys, next.keys], axis: 2), values: .concatenate([values, next.values], axis: 2))
  }

  /// Those of some sequences of the batch; each may come more than once.
  public func rows(_ places: [Int]) -> KeysAndValues {
    KeysAndValues(keys: keys.selected(places), values: values.selected(places))
  }
}

/// Several attentions side by side, each in a part of the width, joined by a last product. The book's `MultiHeadAttention`, with
/// its names: `W_q`, `W_k`, `W_v`, `W_o`. Source: Vaswani et al. 2017.
public final class MultiHeadAttention: Module {
  private let ofQueries, ofKeys, ofValues, ofOutputs: Linear
  /// Parts of the width; must divide it, or else outputs are faults.
  public let heads: Int
  /// The probability that a weight of attention becomes 0 in training.
  public let dropout: Double
  /// Who looked at what in the last call, as long as the layer is in evaluation.
  private var looked: Look?

  private struct Look {
    let queries, keys: Tensor
    let causal: Bool
    let lengths, mask: Tensor?
  }

  /// - Parameters:
  ///   - width: of the outputs, and of all heads together.
  ///   - heads: parts of the width.
  ///   - queries: the width of the queries, where it is another.
  ///   - keys: the same of the keys.
  ///   - values: the same of the values.
  ///   - bias: whether the four products have one; the book's have none.
  ///   - dropout: the probability that a weight of attention becomes 0 in training.
  ///   - weights: how the products' weights begin.
  public init(
    _ width: Int, heads: Int, queries: Int? = nil, keys: Int? = nil, values: Int? = nil, bias: Bool = false,
    dropout: Double = 0, weights: Initializer = .fanInUniform
  ) {
    func linear(_ inputs: Int, _ name: String) -> Linear {
      Linear(inputs, width, bias: bias, weights: weights).named(name)
    }
    ofQueries = linear(queries ?? width, "W_q")
    ofKeys = linear(keys ?? width, "W_k")
    ofValues = linear(values ?? width, "W_v")
    ofOutputs = linear(width, "W_o")
    (self.heads, self.dropout) = (heads, dropout)
  }

  /// Attention of a sequence to itself: `[batch, steps, width]` to the same shape.
  public override func forward(_ input: Tensor) -> Tensor { attend(input, input, input) }

  /// Queries `[batch, queries, …]`, keys and values `[batch, keys, …]` to `[batch, queries, width]`. `causal`, `lengths` and
  /// `mask` as of `Tensor.attention`.
  public func attend(
    _ queries: Tensor, _ keys: Tensor, _ values: Tensor, causal: Bool = false, lengths: Tensor? = nil,
    mask: Tensor? = nil
  ) -> Tensor {
    attend(queries, project(keys, values), causal: causal, lengths: lengths, mask: mask)
  }

  /// The same to keys and values that `project` has made, once for many queries.
  public func attend(
    _ queries: Tensor, _ projected: KeysAndValues, causal: Bool = false, lengths: Tensor? = nil, mask: Tensor? = nil
  ) -> Tensor {
    let own = split(ofQueries(queries))
    looked =
      isTraining
      ? nil
      : Look(
        queries: own.detached(), keys: projected.keys.detached(), causal: causal, lengths: lengths, mask: mask)
    let means = Tensor.attention(
      queries: own, keys: projected.keys, values: projected.values, causal: causal, lengths: lengths, mask: mask,
      dropout: isTraining ? dropout : 0)
    let width = ofOutputs.weight.shape[1]
    return ofOutputs(means.transposed(1, 2).reshaped(Shape(Array(queries.shape.dropLast()) + [width])))
  }

  /// New steps that look at themselves and at all before them: `[batch, steps, width]`, after the keys and values of the steps so
  /// far. Causal, so that a sequence comes to the same in one piece or step by step.
  public func attend(_ steps: Tensor, after past: KeysAndValues?) -> (output: Tensor, past: KeysAndValues) {
    let own = project(steps, steps)
    let all = past?.appending(own) ?? own
    return (attend(steps, all, causal: true), all)
  }

  /// Keys and values `[batch, keys, …]` as the heads take them.
  public func project(_ keys: Tensor, _ values: Tensor) -> KeysAndValues {
    KeysAndValues(keys: split(ofKeys(keys)), values: split(ofValues(values)))
  }

  /// How the last call in evaluation looked at its keys, `[batch, heads, queries, keys]`, computed when it is asked for.
  public var weights: Tensor? {
    looked.map {
      Tensor.attentionWeights(
        queries: $0.queries, keys: $0.keys, causal: $0.causal, lengths: $0.lengths, mask: $0.mask)
    }
  }

  /// `[batch, steps, width]` by heads, `[batch, heads, steps, width / heads]`.
  private func split(_ steps: Tensor) -> Tensor {
    guard steps.rank == 3, heads > 0, steps.shape[2] % heads == 0 else {
      let error = TensorError("attention", "\(heads) heads don't share evenly a width of \(steps.shape.last ?? 0)")
      return Tensor(fault: error, of: [steps], [steps.shape.first ?? 1, 1, 1, 1])
    }
    let (batch, count, width) = (steps.shape[0], steps.shape[1], steps.shape[2])
    return steps.reshaped([batch, count, heads, width / heads]).transposed(1, 2)
  }
}
