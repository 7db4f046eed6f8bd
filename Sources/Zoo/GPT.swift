import Networks
import Tensors

/// A decoder-only Transformer: says after each token what comes next, by looking back on `context` of them. Normalisation before
/// each part, GELU, learnt positions, and the embedding's weights once more for the logits; names, layout and first weights are
/// nanoGPT's (`transformer.wte.weight`, `transformer.h.0.attn.c_attn.weight`), where `lm_head.weight` is another name of the first.
/// Sources: Radford et al. 2019; Karpathy's nanoGPT.
public final class GPT: Module, SequenceModel {
  /// Tokens that it looks back on at the most.
  public let context: Int
  /// Width of a token, heads of the attention, and blocks.
  public let width: Int, heads: Int
  private let tokens, positions: Embedding
  private let dropout: Dropout
  private let blocks: [GPTBlock]
  private let norm: LayerNorm

  /// - Parameters:
  ///   - vocabulary: tokens that there are.
  ///   - context: tokens that it looks back on; longer texts are a fault.
  ///   - layers: blocks of attention and perceptron.
  ///   - heads: of each attention; must divide the width, or else outputs are faults.
  ///   - width: numbers of a token.
  ///   - dropout: the probability that a value becomes 0 in training.
  ///   - bias: whether products and normalisations have biases, as GPT-2's; nanoGPT's own models have none.
  public init(
    vocabulary: Int, context: Int, layers: Int, heads: Int, width: Int, dropout: Double = 0, bias: Bool = false
  ) {
    (self.context, self.width, self.heads) = (context, width, heads)
    let small = Initializer.normal(standardDeviation: 0.02)
    tokens = Embedding(vocabulary, width, weights: small).named("transformer.wte")
    positions = Embedding(context, width, weights: small).named("transformer.wpe")
    self.dropout = Dropout(dropout)
    blocks = (0..<max(layers, 0)).map {
      GPTBlock(width, heads: heads, layers: layers, dropout: dropout, bias: bias).named("transformer.h.\($0)")
    }
    norm = LayerNorm(width, bias: bias).named("transformer.ln_f")
  }

  /// How many blocks there are.
  public var layers: Int { blocks.count }

  /// Tokens `[batch, steps]` to logits `[steps · batch, vocabulary]`, all texts of a step behind each other.
  public override func forward(_ input: Tensor) -> Tensor { run(input, from: nil).logits }

  /// None: it looks at the tokens again.
  public func beginState(batch: Int) -> [Tensor] { [] }

  public func run(_ tokens: Tensor, from state: [Tensor]?) -> (logits: Tensor, state: [Tensor]) {
    var hidden = embed(tokens, from: 0)
    for block in blocks { hidden = block(hidden) }
    // Step by step, as the logits are to lie.
    return (logits(of: hidden.transposed(0, 1).reshaped([-1, width])), [])
  }

  public func makeReader() -> any TextReader { GPTReader(self) }

  /// The logits behind the last of some new steps, which look at themselves and at those that are in the caches.
  func read(_ tokens: Tensor, after caches: [KeyValueCache]) -> Tensor {
    var hidden = embed(tokens, from: caches.first?.steps ?? 0)
    for (block, cache) in zip(blocks, caches) { hidden = block.read(hidden, after: cache) }
    return logits(of: hidden[.all, -1])[0]
  }

  private func embed(_ input: Tensor, from start: Int) -> Tensor {
    let steps = input.rank == 2 ? input.shape[1] : 1
    var input = input
    if input.rank != 2 || steps > context - start {
      let error = TensorError(
        "gpt", "tokens of shape \(input.shape), not [batch, steps] of \(context - start) steps at most")
      input = Tensor(fault: error, of: [input], [1, 1], .int64)
    }
    let places = Tensor.arange(input.shape[1]) + start
    return dropout(tokens(input) + positions(places))
  }

  private func logits(of hidden: Tensor) -> Tensor { norm(hidden).linear(tokens.weight, nil) }
}

/// Attention to the steps before, and a perceptron, each added to what it is given.
final class GPTBlock: Module {
  private let attentionNorm, perceptronNorm: LayerNorm
  private let attention: GPTAttention
  private let perceptron: GPTPerceptron

  init(_ width: Int, heads: Int, layers: Int, dropout: Double, bias: Bool) {
    attentionNorm = LayerNorm(width, bias: bias).named("ln_1")
    attention = GPTAttention(width, heads: heads, layers: layers, dropout: dropout, bias: bias).named("attn")
    perceptronNorm = LayerNorm(width, bias: bias).named("ln_2")
    perceptron = GPTPerceptron(width, layers: layers, dropout: dropout, bias: bias).named("mlp")
  }

  /// `[batch, steps, width]` to the same shape.
  override func forward(_ input: Tensor) -> Tensor {
    let seen = input + attention(attentionNorm(input))
    return seen + perceptron(perceptronNorm(seen))
  }

  func read(_ input: Tensor, after cache: KeyValueCache) -> Tensor {
    let seen = input + attention.read(attentionNorm(input), after: cache)
    return seen + perceptron(perceptronNorm(seen))
  }
}

/// Each step's look at itself and at those before, by several heads.
final class GPTAttention: Module {
  private let entry, exit: Linear
  private let heads: Int
  private let dropout: Dropout

  init(_ width: Int, heads: Int, layers: Int, dropout: Double, bias: Bool) {
    entry = gptLinear(width, 3 * width, bias: bias).named("c_attn")
    exit = gptLinear(width, width, layers: layers, bias: bias).named("c_proj")
    (self.heads, self.dropout) = (heads, Dropout(dropout))
  }

  override func forward(_ input: Tensor) -> Tensor {
    let means = entry(input).selfAttention(heads: heads, causal: true, dropout: isTraining ? dropout.probability : 0)
    return dropout(exit(means))
  }

  /// The same of new steps behind those in the cache, which they are put into.
  func read(_ input: Tensor, after cache: KeyValueCache) -> Tensor {
    let (batch, steps, width) = (input.shape[0], input.shape[1], input.shape[2])
    let three = entry(input).reshaped([batch, steps, 3 * heads, width / max(heads, 1)]).transposed(1, 2)
    let (keys, values) = cache.append(keys: three[.all, heads..<2 * heads], values: three[.all, 2 * heads..<3 * heads])
    let means = Tensor.attention(queries: three[.all, 0..<heads], keys: keys, values: values, causal: true)
    return exit(means.transposed(1, 2).reshaped([batch, steps, width]))
  }
}

/// Four times as wide in the middle.
final class GPTPerceptron: Module {
  private let entry, exit: Linear
  private let dropout: Dropout

  init(_ width: Int, layers: Int, dropout: Double, bias: Bool) {
    entry = gptLinear(width, 4 * width, bias: bias).named("c_fc")
    exit = gptLinear(4 * width, width, layers: layers, bias: bias).named("c_proj")
    self.dropout = Dropout(dropout)
  }

  override func forward(_ input: Tensor) -> Tensor { dropout(exit(entry(input).gelu())) }
}

/// Small weights, and smaller ones where so many layers add up what comes out of them.
private func gptLinear(_ inputs: Int, _ outputs: Int, layers: Int? = nil, bias: Bool) -> Linear {
  let deviation = layers.map { 0.02 / (2 * Double(max($0, 1))).squareRoot() } ?? 0.02
  return Linear(
    inputs, outputs, bias: bias, weights: .normal(standardDeviation: deviation), biases: .constant(0))
}
