import Tensors

/// A vector for each token: integers `[…]` to `[…, width]`. Its derivative touches only the rows that were used.
public final class Embedding: Module {
  /// `[tokens, width]`.
  public let weight: Parameter
  private let initializer: Initializer

  /// So many tokens, to vectors of such a width; of the normal distribution unless said otherwise, as PyTorch has them.
  public init(_ tokens: Int, _ width: Int, weights: Initializer = .normal(standardDeviation: 1)) {
    weight = .parameter([tokens, width])
    initializer = weights
    super.init()
    initialize(StandaloneKey.next())
  }

  public override func initialize(_ key: RandomKey) { initializer.fill(weight, key: key) }

  public override func forward(_ input: Tensor) -> Tensor { weight.rows(input) }
}
