import Tensors

/// A vector for each token: integers `[…]` to `[…, width]`. Its derivative touches only the rows that were used.
public final class Embedding: Module {
  /// `[tokens, width]`.
  public let weight: Parameter

  /// So many tokens, to vectors of such a width.
  public init(_ tokens: Int, _ width: Int) {
    weight = .parameter([tokens, width])
    super.init()
    initialize(StandaloneKey.next())
  }

  /// Of the normal distribution, as PyTorch has it.
  public override func initialize(_ key: RandomKey) {
    Initializer.normal(standardDeviation: 1).fill(weight, key: key)
  }

  public override func forward(_ input: Tensor) -> Tensor { weight.rows(input) }
}
