import Foundation
import Networks
import Tensors
import Training

/// Two dense layers with ReLU between them, of each step by itself: the book's `PositionWiseFFN`.
final class PositionWise: Module {
  private let dense1, dense2: Linear

  init(_ width: Int, hidden: Int) {
    dense1 = Linear(width, hidden, weights: .xavierUniform)
    dense2 = Linear(hidden, width, weights: .xavierUniform)
  }

  override func forward(_ input: Tensor) -> Tensor { dense2(dense1(input).relu()) }
}

/// A layer's output, after dropout, beside its input, and their sum normalised: the book's `AddNorm`.
final class AddNorm: Module {
  private let norm: LayerNorm
  private let dropout: Double

  init(_ width: Int, dropout: Double) {
    norm = LayerNorm(width).named("ln")
    self.dropout = dropout
  }

  func join(_ input: Tensor, _ output: Tensor) -> Tensor {
    norm(input + (isTraining ? output.droppedOut(dropout) : output))
  }
}

/// A step's attention to all steps of the source, then dense layers: the book's `EncoderBlock`.
final class EncoderBlock: Module {
  private let attention: MultiHeadAttention
  private let addnorm1, addnorm2: AddNorm
  private let ffn: PositionWise

  init(_ width: Int, heads: Int, hidden: Int, dropout: Double) {
    attention = MultiHeadAttention(width, heads: heads, dropout: dropout, weights: .xavierUniform)
    (addnorm1, addnorm2) = (AddNorm(width, dropout: dropout), AddNorm(width, dropout: dropout))
    ffn = PositionWise(width, hidden: hidden)
  }

  func encode(_ input: Tensor, lengths: Tensor?) -> Tensor {
    segment { [self] in
      let attended = addnorm1.join(input, attention.attend(input, input, input, lengths: lengths))
      return addnorm2.join(attended, ffn(attended))
    }
  }

  var weights: Tensor? { attention.weights }
}

/// Embedded tokens with their positions through blocks of attention: the book's `TransformerEncoder`. Source: Vaswani et al. 2017.
public final class TransformerEncoder: SequenceEncoder {
  private let embedding: Embedding
  private let positions: PositionalEncoding
  private let blocks: [EncoderBlock]
  private let width: Int

  /// For words of a vocabulary; heads must divide the width.
  public init(vocabulary: Int, width: Int, heads: Int, hidden: Int, layers: Int, dropout: Double = 0) {
    embedding = Embedding(vocabulary, width)
    positions = PositionalEncoding(width, dropout: dropout)
    blocks = (0..<max(layers, 0)).map { _ in EncoderBlock(width, heads: heads, hidden: hidden, dropout: dropout) }
    self.width = width
  }

  /// `[batch, steps]` to outputs `[steps, batch, width]`; there is no state.
  public override func encode(_ source: Tensor, lengths: Tensor?) -> Encoding {
    let scaled = embedding(source) * Double(width).squareRoot()
    let outputs = blocks.reduce(positions(scaled)) { $1.encode($0, lengths: lengths) }.transposed(0, 1)
    let none = Tensor.zeros([0, source.shape.first ?? 0, 0])
    return Encoding(outputs: outputs, state: RecurrentState(hidden: none), lengths: lengths)
  }

  /// How each block's heads looked at the source in the last call in evaluation, `[batch, heads, steps, steps]`.
  public var attentionWeights: [Tensor] { blocks.compactMap(\.weights) }
}

/// The blocks stand for properties called as the book calls them: `blks.block0`.
extension TransformerEncoder: CustomReflectable {
  public var customMirror: Mirror { Mirror(self, children: halves(embedding, positions, blocks)) }
}

/// A step's attention to the steps up to it, then to the source, then dense layers: the book's `DecoderBlock`.
final class DecoderBlock: Module {
  private let attention1: MultiHeadAttention
  private let addnorm1: AddNorm
  private let attention2: MultiHeadAttention
  private let addnorm2: AddNorm
  private let ffn: PositionWise
  private let addnorm3: AddNorm

  init(_ width: Int, heads: Int, hidden: Int, dropout: Double) {
    attention1 = MultiHeadAttention(width, heads: heads, dropout: dropout, weights: .xavierUniform)
    addnorm1 = AddNorm(width, dropout: dropout)
    attention2 = MultiHeadAttention(width, heads: heads, dropout: dropout, weights: .xavierUniform)
    addnorm2 = AddNorm(width, dropout: dropout)
    ffn = PositionWise(width, hidden: hidden)
    addnorm3 = AddNorm(width, dropout: dropout)
  }

  /// Keys and values of the source, which stay the same for all steps.
  func look(at source: Tensor) -> KeysAndValues { attention2.project(source, source) }

  func decode(
    _ input: Tensor, after past: KeysAndValues?, to source: KeysAndValues, lengths: Tensor?
  ) -> (output: Tensor, past: KeysAndValues) {
    let results = segment { [self] in
      let (own, past) = attention1.attend(input, after: past)
      let steps = addnorm1.join(input, own)
      let both = addnorm2.join(steps, attention2.attend(steps, source, lengths: lengths))
      return [addnorm3.join(both, ffn(both)), past.keys, past.values]
    }
    return (results[0], KeysAndValues(keys: results[1], values: results[2]))
  }

  /// To the steps before, and to the source.
  var weights: (own: Tensor?, source: Tensor?) { (attention1.weights, attention2.weights) }
}

/// Embedded tokens with their positions through blocks of attention to what is written so far and to the source: the book's
/// `TransformerDecoder`. Keys and values are kept from step to step, and a step's position is its own, also where steps come one by
/// one (the book's prediction takes all for the first).
public final class TransformerDecoder: SequenceDecoder {
  private let embedding: Embedding
  private let positions: PositionalEncoding
  private let blocks: [DecoderBlock]
  private let dense: Linear
  private let width: Int

  /// For words of a vocabulary; heads must divide the width.
  public init(vocabulary: Int, width: Int, heads: Int, hidden: Int, layers: Int, dropout: Double = 0) {
    embedding = Embedding(vocabulary, width)
    positions = PositionalEncoding(width, dropout: dropout)
    blocks = (0..<max(layers, 0)).map { _ in DecoderBlock(width, heads: heads, hidden: hidden, dropout: dropout) }
    dense = Linear(width, vocabulary, weights: .xavierUniform)
    self.width = width
  }

  /// With the keys and values of the source, a block's each.
  public override func begin(_ encoding: Encoding) -> DecoderState {
    let source = encoding.outputs.transposed(0, 1)
    return DecoderState(
      encoding: encoding, recurrent: encoding.state, attended: blocks.map { $0.look(at: source) })
  }

  public override func decode(_ tokens: Tensor, _ state: inout DecoderState) -> Tensor {
    // Behind the source's come those of the steps so far.
    let (source, past) = (state.attended.prefix(blocks.count), state.attended.dropFirst(blocks.count))
    let start = past.first?.steps ?? 0
    var value = positions.encode(embedding(tokens) * Double(width).squareRoot(), from: start)
    var attended = Array(source)
    for (index, block) in blocks.enumerated() where index < source.count {
      let before = past.isEmpty ? nil : past[past.startIndex + index]
      let (output, all) = block.decode(value, after: before, to: source[index], lengths: state.encoding.lengths)
      value = output
      attended.append(all)
    }
    state.attended = attended
    return dense(value.transposed(0, 1))
  }

  /// The last block's looks at the source, mean of its heads.
  public override var attentionWeights: [Tensor] {
    guard let weights = blocks.last?.weights.source else { return [] }
    let mean = weights.mean(1)
    return (0..<mean.shape[1]).map { mean[.all, $0] }
  }

  /// How each block's heads looked in the last call in evaluation, `[batch, heads, steps, keys]`: at the steps so far, and at the
  /// source.
  public var headWeights: [(own: Tensor, source: Tensor)] {
    blocks.compactMap { block in
      guard let own = block.weights.own, let source = block.weights.source else { return nil }
      return (own, source)
    }
  }
}

extension TransformerDecoder: CustomReflectable {
  public var customMirror: Mirror {
    Mirror(self, children: halves(embedding, positions, blocks) + [(label: "dense", value: dense)])
  }
}

private func halves(
  _ embedding: Embedding, _ positions: PositionalEncoding, _ blocks: [Module]
) -> [(label: String?, value: Any)] {
  [(label: "embedding", value: embedding), (label: "pos_encoding", value: positions)]
    + blocks.enumerated().map { (label: "blks.block\($0)", value: $1) }
}

/// The book's Transformer, an encoder and a decoder of two blocks over words of 32 numbers, or of other sizes. Tokens
/// `[batch, steps]` to logits `[steps, batch, words]`.
public func transformer(_ sizes: ModelSizes) -> EncoderDecoder {
  let (layers, heads, hidden) = (sizes.layers ?? 2, sizes.heads ?? 4, sizes.hidden?.first ?? 64)
  let (width, dropout) = (sizes.width ?? 32, sizes.dropout ?? 0.1)
  return EncoderDecoder(
    TransformerEncoder(
      vocabulary: sizes.vocabulary, width: width, heads: heads, hidden: hidden, layers: layers, dropout: dropout),
    TransformerDecoder(
      vocabulary: sizes.targetVocabulary, width: width, heads: heads, hidden: hidden, layers: layers,
      dropout: dropout))
}
