import Tensors

/// Batch normalisation, over the batch of `[batch, channels]` or over batch and pixels of
/// `[batch, channels, height, width]`. Evaluation uses the running mean and variance that training kept.
///
/// Under a trainer the statistics are those of the global batch, whatever the number of ranks; in reproducible mode they
/// are those of each virtual shard. Source: Ioffe and Szegedy 2015; parameters and buffers as PyTorch's.
public class BatchNorm: Module {
  /// `[channels]`.
  public let weight, bias: Parameter
  /// `[channels]`; the variance is unbiased.
  public let runningMean, runningVariance: Tensor
  /// How many optimizer steps the running statistics have seen.
  public let batchesTracked: Tensor
  /// Added to the variance, so that the divisor is never 0.
  public let epsilon: Double
  /// The share of a new batch in the running statistics.
  public let momentum: Double
  /// What the slices of a step add up to: count, count · mean, count · variance.
  private let sums: Tensor

  /// For so many channels; PyTorch's settings unless said otherwise.
  public init(_ channels: Int, epsilon: Double = 1e-5, momentum: Double = 0.1) {
    (weight, bias) = (.parameter([channels]), .parameter([channels]))
    runningMean = .buffer([channels], 0, named: "running_mean")
    runningVariance = .buffer([channels], 1, named: "running_var")
    batchesTracked = .buffer([], 0, named: "num_batches_tracked")
    sums = .zeros([2 * max(channels, 0) + 1])
    (self.epsilon, self.momentum) = (epsilon, momentum)
    super.init()
    weight.fill(1)
  }

  public override func initialize(_ key: RandomKey) {
    weight.fill(1)
    bias.fill(0)
    runningMean.fill(0)
    runningVariance.fill(1)
    batchesTracked.fill(0)
  }

  public override func forward(_ input: Tensor) -> Tensor {
    guard input.rank == rankOfInput else {
      let error = TensorError("\(type(of: self))", "needs \(rankOfInput) axes, not an input of shape \(input.shape)")
      return Tensor(fault: error, of: [input], input.shape)
    }
    guard isTraining else {
      return input.normalized(
        mean: runningMean, variance: runningVariance, weight, bias, epsilon: epsilon)
    }
    let (output, statistics) = input.batchNormalized(weight, bias, epsilon: epsilon)
    if ForwardScope.isRepeated { return output }
    collect(statistics)
    if ForwardScope.isActive { return output }
    // Outside of a trainer a batch is the whole step.
    do { try updateStatistics() } catch { return Tensor(fault: error, of: [output], output.shape) }
    return output
  }

  var rankOfInput: Int { 4 }

  /// Adds a slice's statistics to the step's.
  private func collect(_ statistics: BatchStatistics) {
    let count = Double(statistics.count)
    let unbiased = statistics.variance.map { statistics.count > 1 ? $0 * count / (count - 1) : $0 }
    let numbers = [count] + statistics.mean.map { $0 * count } + unbiased.map { $0 * count }
    accumulate(Tensor(numbers.map { Float($0) }), into: &sums.gradient)
  }

  public override var stepSums: [Tensor] { [sums] }

  public override func updateStatistics() throws {
    guard let numbers = try sums.gradient?.floats(), numbers[0] > 0 else { return }
    sums.gradient = nil
    let channels = weight.elementCount
    let share = Float(momentum)
    for (running, first) in [(runningMean, 1), (runningVariance, 1 + channels)] {
      try running.withFloats { values in
        for i in 0..<channels { values[i] += share * (numbers[first + i] / numbers[0] - values[i]) }
      }
    }
    try batchesTracked.withFloats { $0[0] += 1 }
  }
}

/// Batch normalisation of `[batch, channels, height, width]`.
public final class BatchNorm2D: BatchNorm {}

/// Batch normalisation of `[batch, features]`.
public final class BatchNorm1D: BatchNorm {
  override var rankOfInput: Int { 2 }
}
