/// How the book trains a model.
public struct Recipe: Sendable {
  /// How often all samples are seen.
  public let epochs: Int
  /// Samples of a global batch.
  public let batchSize: Int
  /// Of the first step.
  public let learningRate: Double
  /// `sgd`, `adam` or `adamw`.
  public let optimizer: String
  /// The share of a parameter that is added to its gradient.
  public let weightDecay: Double
  /// Gradients are scaled down to this common norm.
  public let clipNorm: Double?
  /// Whether sequences of a text go on from step to step.
  public let isSequential: Bool
  /// Samples that go through the network at once on one core: what measures fastest, nil for a whole shard.
  public let sliceSize: Int?
  /// Whether a regression is judged by the logarithms of its predictions.
  public let isLogarithmic: Bool

  /// The book's usual settings, but for the learning rate.
  public init(
    epochs: Int = 10, batchSize: Int = 256, learningRate: Double, optimizer: String = "sgd", weightDecay: Double = 0,
    clipNorm: Double? = nil, isSequential: Bool = false, sliceSize: Int? = nil, isLogarithmic: Bool = false
  ) {
    (self.epochs, self.batchSize, self.learningRate) = (epochs, batchSize, learningRate)
    (self.optimizer, self.weightDecay, self.clipNorm) = (optimizer, weightDecay, clipNorm)
    (self.isSequential, self.sliceSize, self.isLogarithmic) = (isSequential, sliceSize, isLogarithmic)
  }
}
