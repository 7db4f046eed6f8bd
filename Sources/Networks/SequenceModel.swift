import Tensors

/// A model of texts: says after each token what comes next, and hands a state from one piece of a text to the next. What the
/// language task trains, evaluates and generates from; `LanguageModel` is the book's.
///
/// A state is one or more float32 tensors `[parts, batch, …]`, of the same shapes for every piece of a text: what a training
/// carries from step to step, and a checkpoint keeps.
public protocol SequenceModel: Module {
  /// The state before the first token of so many texts.
  func beginState(batch: Int) -> [Tensor]
  /// Tokens int64 `[batch, steps]` to logits `[steps · batch, vocabulary]`, all texts of a step behind each other; from the state
  /// that the piece before left, nil at the beginning of the texts, to that behind the last step.
  func run(_ tokens: Tensor, from state: [Tensor]?) -> (logits: Tensor, state: [Tensor])
}
