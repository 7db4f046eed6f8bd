import Tensors

/// A model of texts: says after each token what comes next, and hands a state from one piece of a text to the next. What the
/// language task trains, evaluates and generates from; `LanguageModel` is the book's.
///
/// A state is one or more float32 tensors `[parts, batch, …]`, of the same shapes for every piece of a text: what a training
/// carries from step to step, and a checkpoint keeps. A model that looks back on the tokens themselves has none.
public protocol SequenceModel: Module {
  /// The state before the first token of so many texts.
  func beginState(batch: Int) -> [Tensor]
  /// Tokens int64 `[batch, steps]` to logits `[steps · batch, vocabulary]`, all texts of a step behind each other; from the state
  /// that the piece before left, nil at the beginning of the texts, to that behind the last step.
  func run(_ tokens: Tensor, from state: [Tensor]?) -> (logits: Tensor, state: [Tensor])
  /// Reads one text from its beginning, to tell how it goes on; by its states unless said otherwise.
  func makeReader() -> any TextReader
}

extension SequenceModel {
  public func makeReader() -> any TextReader { StateReader(self) }
}

/// Reads one text, piece by piece. Nothing is recorded.
public protocol TextReader: AnyObject {
  /// Reads at least one token more; the logits of the one that comes next, `[vocabulary]`.
  func read(_ tokens: [Int]) -> Tensor
}

/// Goes on from the state that the piece before left.
private final class StateReader: TextReader {
  private let model: any SequenceModel
  private var state: [Tensor]?

  init(_ model: any SequenceModel) { self.model = model }

  func read(_ tokens: [Int]) -> Tensor {
    withoutGradient {
      let (logits, last) = model.run(Tensor([tokens.map(Int64.init)]), from: state)
      state = last
      return logits[-1]
    }
  }
}
