import Tensors

/// Predicts the next token of a text at every step: recurrent layers over one-hot tokens, then a dense layer. The notes'
/// `RNNModel`, with its names: `rnn.weight_ih_l0`, `linear.weight`.
public final class LanguageModel: Module, SequenceModel {
  /// The recurrent layers.
  public let rnn: Recurrent
  /// From hidden units to logits: `[…, hidden]` to `[…, vocabulary]`.
  public let linear: Linear

  /// A language model of these layers, over so many tokens.
  public init(_ rnn: Recurrent, vocabulary: Int) {
    self.rnn = rnn
    linear = Linear(rnn.directions * rnn.hidden, vocabulary)
  }

  /// Tokens `[batch, steps]` to logits `[steps · batch, vocabulary]`, all of a step behind each other.
  public override func forward(_ tokens: Tensor) -> Tensor { run(tokens, from: nil).logits }

  /// Zeros `[layers · directions, batch, hidden]`; an LSTM has two of them, hidden and cell states.
  public func beginState(batch: Int) -> [Tensor] {
    let zeros = { Tensor.zeros([self.rnn.layers * self.rnn.directions, batch, self.rnn.hidden]) }
    return rnn.cell == .lstm ? [zeros(), zeros()] : [zeros()]
  }

  /// The same as `forward`, from a state and with the state afterwards.
  public func run(_ tokens: Tensor, from state: [Tensor]?) -> (logits: Tensor, state: [Tensor]) {
    let isBatch = tokens.rank == 2
    let error = TensorError("language model", "tokens of shape \(tokens.shape)")
    let tokens = isBatch ? tokens : Tensor(fault: error, of: [tokens], [1, 1], .int64)
    let start = state?.first.map { RecurrentState(hidden: $0, cell: state?.dropFirst().first) }
    let (outputs, last) = rnn.run(tokens.to(.int64).transposed(), from: start)
    let logits = linear(outputs.reshaped([-1, rnn.directions * rnn.hidden]))
    return (logits, [last.hidden, last.cell].compactMap { $0 })
  }
}
