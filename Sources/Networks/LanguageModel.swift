import Tensors

/// Predicts the next token of a text at every step: recurrent layers over one-hot tokens, then a dense layer. The notes'
/// `RNNModel`, with its names: `rnn.weight_ih_l0`, `linear.weight`.
public final class LanguageModel: Module {
  public let rnn: Recurrent
  public let linear: Linear

  public init(_ rnn: Recurrent, vocabulary: Int) {
    self.rnn = rnn
    linear = Linear(rnn.directions * rnn.hidden, vocabulary)
  }

  /// Tokens `[batch, steps]` to logits `[steps · batch, vocabulary]`, all of a step behind each other.
  public override func forward(_ tokens: Tensor) throws -> Tensor { try run(tokens).logits }

  /// The same, from a state and with the state afterwards.
  public func run(_ tokens: Tensor, from state: RecurrentState? = nil) throws -> (logits: Tensor, state: RecurrentState)
  {
    guard tokens.rank == 2 else { throw TensorError("language model", "tokens of shape \(tokens.shape)") }
    let (outputs, last) = try rnn.run(tokens.to(.int64).transposed(), from: state)
    return (try linear(outputs.reshaped([-1, rnn.directions * rnn.hidden])), last)
  }
}
