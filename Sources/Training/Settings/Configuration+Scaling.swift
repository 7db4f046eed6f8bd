/// A training on more ranks with a batch that grows with them. Source: Goyal et al. 2017.
extension Configuration {
  /// Epochs in which the learning rate rises, and the share of the training that they are at most.
  private static let (warmUpEpochs, warmUpShare) = (5, 4)

  /// The same with a batch so many times as large, and by the linear rule a learning rate that is, too. The warm-up follows
  /// once the length of an epoch is known (`warmedUp`).
  public func scaled(by factor: Int) throws -> Configuration {
    let (size, overflows) = self.batchSize.multipliedReportingOverflow(by: factor)
    if overflows {
      throw ConfigurationError("batch-size is \(self.batchSize), which can't be grown \(factor) times")
    }
    var result = self
    (result.scaleBatch, result.batchSize) = (true, size)
    result.optimization.learningRate = optimization.learningRate.scaled(by: Double(factor))
    return result
  }

  /// The same with a learning rate that rises from the small batch's to the grown one's in the first five epochs, or in a
  /// quarter of a short training; a warm-up that was asked for stays.
  public func warmedUp(from factor: Int, stepsPerEpoch: Int) -> Configuration {
    guard self.warmup == 0, factor > 1 else { return self }
    func steps(of epochs: Int) -> Int {
      let (steps, overflows) = epochs.multipliedReportingOverflow(by: stepsPerEpoch)
      return overflows ? .max : steps
    }
    let all = min(self.steps ?? .max, steps(of: self.epochs))
    var result = self
    result.warmup = min(steps(of: Self.warmUpEpochs), all / Self.warmUpShare, 1 << 40)
    result.warmupStart = 1 / Double(factor)
    return result
  }

  /// What a batch that was grown so many times means, in a line; nil for a training that goes on with what it was grown to.
  public func scalingText(by factor: Int?) -> String {
    guard let factor else {
      return "scale-batch: goes on with \(self.batchSize) samples a step and learning rate \(self.learningRate)"
    }
    let (samples, rate) = (self.batchSize / factor, self.learningRate / Double(factor))
    let rise =
      self.warmup > 0 ? ", reached within \(self.warmup) steps from \(self.learningRate * self.warmupStart)" : ""
    return "scale-batch: \(factor) × \(samples) samples are \(self.batchSize) a step; "
      + "learning rate \(factor) × \(rate) is \(self.learningRate)\(rise)"
  }
}
