import Tensors

/// Attention pooling by nearness: the mean of the values by `softmax(-((query - key) · w)² / 2)` over the keys, with a `w`
/// that is learnt. A large one looks at few keys. Source: Nadaraya 1964, Watson 1964.
public final class NadarayaWatson: Module {
  /// `[1]`.
  public let w: Parameter

  public override init() {
    w = .parameter([1])
    super.init()
    initialize(StandaloneKey.next())
  }

  /// Uniform in 0…1, as in the notes.
  public override func initialize(_ key: RandomKey) { Initializer.uniform(0, 1).fill(w, key: key) }

  /// Queries to the values of the keys near them.
  public func attend(
    _ queries: Tensor, _ keys: Tensor, _ values: Tensor
  ) -> (output: Tensor, weights: Tensor) {
    Self.pool(queries, keys, values, w: w)
  }

  /// The same with a given `w`, or without one: a kernel of width 1.
  ///
  /// - Parameters:
  ///   - queries: `[queries]`.
  ///   - keys: `[keys]`, or `[queries, keys]` where each query has its own.
  ///   - values: of the keys' shape.
  ///   - w: a scalar, the kernel's inverse width; nil for 1.
  /// - Returns: the means `[queries]` and the weights `[queries, keys]`.
  public static func pool(
    _ queries: Tensor, _ keys: Tensor, _ values: Tensor, w: Tensor? = nil
  ) -> (output: Tensor, weights: Tensor) {
    guard queries.rank == 1, keys.shape == values.shape, (1...2).contains(keys.rank) else {
      let error = TensorError(
        "attention pooling",
        "needs queries [queries], keys and values [keys] or [queries, keys], not \(queries.shape), \(keys.shape) and "
          + "\(values.shape)")
      let fault = Tensor(fault: error, of: [queries, keys, values], [queries.elementCount])
      return (fault, fault.unsqueezed(1) - keys.flattened())
    }
    var distances = queries.unsqueezed(1) - keys
    if let w { distances = distances * w }
    let weights = (distances.pow(2) * -0.5).softmax()
    return ((weights * values).sum(1), weights)
  }
}
