import Kernels

/// Mean and biased variance of each channel over the samples (and pixels) of a batch, or over that whole batch of which it is a part.
public struct BatchStatistics: Sendable {
  /// `[channels]`.
  public let mean: [Double]
  /// `[channels]`, divided by the count.
  public let variance: [Double]
  /// Values of each channel.
  public let count: Int
}

extension Tensor {
  /// Batch normalisation of `[batch, channels]` or `[batch, channels, height, width]`:
  /// `(x - mean) / √(variance + epsilon) · weight + bias` with the statistics of the batch itself; a ReLU that comes next
  /// joins the kernel (Owing.swift).
  ///
  /// With g' = g · weight / √(variance + ε) and x̂ the normalised input, the input's derivative is
  /// `g' - mean(g') - x̂ · mean(g' x̂)`, the weight's the sum of g x̂, the bias' the sum of g.
  /// Source: Ioffe and Szegedy 2015.
  public final func batchNormalized(
    _ weight: Tensor, _ bias: Tensor, epsilon: Double = 1e-5
  ) -> (output: Tensor, statistics: BatchStatistics) {
    var statistics = BatchStatistics.none(channels: weight.elementCount)
    let output = attempt(weight, bias, as: nil, .float32) {
      let (output, own) = try batchNormalization(weight, bias, epsilon)
      statistics = own
      return output
    }
    return (output, statistics)
  }

  private final func batchNormalization(
    _ weight: Tensor, _ bias: Tensor, _ epsilon: Double
  ) throws -> (output: Tensor, statistics: BatchStatistics) {
    let (rows, input) = try rowsOfChannels(weight, bias)
    let (others, kernels) = (ForwardScope.statistics, KernelOptions.current.kernels)
    // A second pass has no need to look at the numbers, or at other ranks, again.
    let statistics = try Segment.remembered {
      try BatchStatistics(input.moments(rows, kernels), count: rows.rows, others)
    }
    guard statistics.count > 1 || ForwardScope.isPartOfLargerBatch || elementCount == 0 else {
      throw TensorError("batch norm", "a batch of shape \(shape) has one value per channel: no statistics in training")
    }
    let affine = try Affine(statistics.mean, statistics.variance, weight, bias, epsilon)
    let outline = outline
    let output = try input.owing(rows, affine, kernels) { result, thenReLU in
      let ofChannels = affine.ofChannels(thenReLU: thenReLU)
      return result.recorded([self, weight, bias], needing: input, function: "batchNormalized") { gradient in
        let gradient = try input.normalizationGradient(gradient)
        let own = try input.normalizationSums(
          rows, gradient, mean: statistics.mean.map { Float($0) }, ofChannels, kernels)
        var derivatives: [Tensor?] = [
          nil, Tensor(zip(own.product, affine.inverse).map { Float($0 * $1) }),
          Tensor(own.gradient.map { Float($0) }),
        ]
        // All parts' sums, even where no input derivative is wanted here: the others wait for ours.
        let (sum, product) = try Self.total(own, others)
        if outline.tracksGradient {
          let n = Double(Swift.max(statistics.count, 1))
          let b = rows.perChannel { -affine.factor[$0] * affine.inverse[$0] * affine.inverse[$0] * product[$0] / n }
          let c = rows.perChannel { -affine.factor[$0] * sum[$0] / n - b[$0] * statistics.mean[$0] }
          derivatives[0] = try input.normalizationGradient(
            rows, gradient, a: ofChannels.scale, b: b.map { Float($0) }, c: c.map { Float($0) }, ofChannels, kernels)
        }
        return derivatives
      }
    }
    return (output, statistics)
  }

  /// The same with given statistics, as in evaluation. Derivatives of input, weight and bias as of an affine function.
  public final func normalized(
    mean: Tensor, variance: Tensor, _ weight: Tensor, _ bias: Tensor, epsilon: Double = 1e-5
  ) -> Tensor {
    attempt(weight, bias, as: nil, .float32) {
      try mean.check()
      try variance.check()
      return try normalization(mean, variance, weight, bias, epsilon)
    }
  }

  private final func normalization(
    _ mean: Tensor, _ variance: Tensor, _ weight: Tensor, _ bias: Tensor, _ epsilon: Double
  ) throws -> Tensor {
    let (rows, input) = try rowsOfChannels(weight, bias)
    let means = try mean.values(as: Double.self)
    let kernels = KernelOptions.current.kernels
    let affine = try Affine(means, variance.values(as: Double.self), weight, bias, epsilon)
    return try input.owing(rows, affine, kernels) { result, thenReLU in
      let ofChannels = affine.ofChannels(thenReLU: thenReLU)
      return result.recorded(
        [self, weight, bias], needing: input, function: "normalized",
        as: TracedOperation("BatchNormalization", ["epsilon": .float(epsilon)]), with: [mean, variance]
      ) { gradient in
        let gradient = try input.normalizationGradient(gradient)
        let sums = try input.normalizationSums(rows, gradient, mean: means.map { Float($0) }, ofChannels, kernels)
        let zeros = [Float](repeating: 0, count: rows.channels)
        let derivative = try input.normalizationGradient(
          rows, gradient, a: ofChannels.scale, b: zeros, c: zeros, ofChannels, kernels)
        return [
          derivative, Tensor(zip(sums.product, affine.inverse).map { Float($0 * $1) }),
          Tensor(sums.gradient.map { Float($0) }),
        ]
      }
    }
  }

  private final func rowsOfChannels(_ weight: Tensor, _ bias: Tensor) throws -> (NormalizedBatch, Tensor) {
    guard rank == 2 || rank == 4, dtype == .float32 else {
      throw TensorError(
        "batch norm", "needs float32 [batch, channels] or [batch, channels, height, width], not \(dtype) \(shape)")
    }
    guard weight.shape == [shape[1]], bias.shape == weight.shape, weight.dtype == .float32, bias.dtype == .float32
    else {
      throw TensorError("batch norm", "\(weight.elementCount) channels of weights for an input of shape \(shape)")
    }
    let input = rank == 4 ? detached().channelsLast() : detached().packed()
    let rows = shape[1] == 0 ? 0 : elementCount / shape[1]
    return (NormalizedBatch(rows: rows, channels: shape[1]), input)
  }

  private final func owing(
    _ rows: NormalizedBatch, _ affine: Affine, _ kernels: any Backend,
    record: @escaping (Tensor, _ thenReLU: Bool) -> Tensor
  ) throws -> Tensor {
    try .owed(shape, strides: strides, reading: [self]) { thenReLU in
      try self.normalized(rows, affine.ofChannels(thenReLU: thenReLU), kernels)
    } record: {
      record($0, $1.isCut)
    }
  }

  /// Both sums over all parts of the batch, added in their order.
  private static func total(
    _ own: (gradient: [Double], product: [Double]), _ others: (any StatisticsExchange)?
  ) throws -> ([Double], [Double]) {
    guard let others else { return own }
    let channels = own.gradient.count
    var sums = [Double](repeating: 0, count: 2 * channels)
    for other in try others.gather(own.gradient + own.product) { for i in sums.indices { sums[i] += other[i] } }
    return (Array(sums[..<channels]), Array(sums[channels...]))
  }
}

/// Normalisation as one multiplication and one addition per channel.
private struct Affine {
  /// `1 / √(variance + ε)`, and that times the weight.
  let inverse, factor: [Double]
  private let scale, shift: [Float]

  init(_ mean: [Double], _ variance: [Double], _ weight: Tensor, _ bias: Tensor, _ epsilon: Double) throws {
    let inverse = variance.map { 1 / ($0 + epsilon).squareRoot() }
    let factor = zip(try weight.values(as: Double.self), inverse).map(*)
    let offsets = try bias.values(as: Double.self)
    (self.inverse, self.factor) = (inverse, factor)
    scale = factor.map { Float($0) }
    shift = factor.indices.map { Float(offsets[$0] - mean[$0] * factor[$0]) }
  }

  func ofChannels(thenReLU: Bool) -> ChannelAffine { ChannelAffine(scale: scale, shift: shift, thenReLU: thenReLU) }
}

extension BatchStatistics {
  /// Of no sample: what a faulted batch has.
  fileprivate static func none(channels: Int) -> BatchStatistics {
    let zeros = [Double](repeating: 0, count: channels)
    return BatchStatistics(mean: zeros, variance: zeros, count: 0)
  }

  /// Of this part of a batch, merged with the other parts in their order. Source: Chan, Golub and LeVeque 1979.
  fileprivate init(
    _ own: (mean: [Double], deviations: [Double]), count: Int, _ others: (any StatisticsExchange)?
  ) throws {
    let channels = own.mean.count
    let mine = [Double(count)] + own.mean + own.deviations
    var total = 0.0
    var (mean, deviations) = ([Double](repeating: 0, count: channels), [Double](repeating: 0, count: channels))
    for part in try others?.gather(mine) ?? [mine] where part[0] > 0 {
      let sum = total + part[0]
      for channel in 0..<channels {
        let difference = part[1 + channel] - mean[channel]
        mean[channel] += difference * part[0] / sum
        deviations[channel] += part[1 + channels + channel] + difference * difference * total * part[0] / sum
      }
      total = sum
    }
    self.init(mean: mean, variance: deviations.map { total > 0 ? $0 / total : 0 }, count: Int(total))
  }
}

extension NormalizedBatch {
  fileprivate func perChannel(_ value: (Int) -> Double) -> [Double] { (0..<channels).map(value) }
}
