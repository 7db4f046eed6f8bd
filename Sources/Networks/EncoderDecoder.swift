import Tensors

/// What an encoder makes of a batch of sequences.
public struct Encoding {
  /// Of the last layer, `[steps, batch, hidden]`.
  public let outputs: Tensor
  /// Of all layers after the last step.
  public let state: RecurrentState
  /// How many steps of each sequence count, int64 `[batch]`; nil for all.
  public let lengths: Tensor?

  /// What a decoder begins with.
  public init(outputs: Tensor, state: RecurrentState, lengths: Tensor?) {
    (self.outputs, self.state, self.lengths) = (outputs, state, lengths)
  }
}

/// Turns sequences of tokens into an encoding of which a decoder makes other sequences.
open class SequenceEncoder: Module {
  /// Tokens int64 `[batch, steps]`, of which the first `lengths` of each row count.
  open func encode(_ source: Tensor, lengths: Tensor?) -> Encoding {
    let error = TensorError("\(Self.self)", "does not say how to encode: override encode")
    let nothing = Tensor(fault: error, of: [source], [1, 1, 1])
    return Encoding(outputs: nothing, state: RecurrentState(hidden: nothing), lengths: lengths)
  }
}

/// What a decoder hands from one call to the next.
public struct DecoderState {
  /// What the encoder made of the source.
  public let encoding: Encoding
  /// The decoder's own state.
  public var recurrent: RecurrentState
  /// What its attentions look at, the steps so far and the source, in an order of the decoder's own; empty where it has none.
  public var attended: [KeysAndValues]

  /// A state after some steps.
  public init(encoding: Encoding, recurrent: RecurrentState, attended: [KeysAndValues] = []) {
    (self.encoding, self.recurrent, self.attended) = (encoding, recurrent, attended)
  }
}

/// Predicts each next token of a sequence from those before and an encoding.
open class SequenceDecoder: Module {
  /// The state before the first token.
  open func begin(_ encoding: Encoding) -> DecoderState {
    DecoderState(encoding: encoding, recurrent: encoding.state)
  }

  /// Tokens int64 `[batch, steps]` to the logits of those that follow each, `[steps, batch, words]`.
  open func decode(_ tokens: Tensor, _ state: inout DecoderState) -> Tensor {
    let error = TensorError("\(Self.self)", "does not say how to decode: override decode")
    return Tensor(fault: error, of: [tokens], [1, 1, 1])
  }

  /// How the last call looked at the source: for each of its steps `[batch, source steps]`. Empty without attention.
  open var attentionWeights: [Tensor] { [] }
}

/// An encoder and a decoder, trained as one: the notes' `EncoderDecoder`.
public final class EncoderDecoder: Module {
  /// Reads the source.
  public let encoder: SequenceEncoder
  /// Writes the target.
  public let decoder: SequenceDecoder

  /// Joins the two.
  public init(_ encoder: SequenceEncoder, _ decoder: SequenceDecoder) {
    (self.encoder, self.decoder) = (encoder, decoder)
  }

  /// The logits of each next token, `[steps, batch, words]`, given all tokens before it (teacher forcing).
  ///
  /// - Parameters:
  ///   - source: int64 `[batch, source steps]`.
  ///   - lengths: int64 `[batch]`, steps of each source that count; nil for all.
  ///   - inputs: what the decoder reads, int64 `[batch, steps]`.
  public func logits(source: Tensor, lengths: Tensor?, inputs: Tensor) -> Tensor {
    let encoding = LayerWatch.within(encoder, output: \.outputs) { encoder.encode(source, lengths: lengths) }
    var state = decoder.begin(encoding)
    return LayerWatch.within(decoder, output: \.self) { decoder.decode(inputs, &state) }
  }
}
