import Datasets
import Failures
import Optimizers
import Tensors

/// What a rank did in one step, for debugging.
public struct StepReport: Sendable, CustomStringConvertible {
  public let step: Int
  public let rank: Int
  public let samples: [Int]
  /// The mean over the samples that were counted on this rank.
  public let loss: Double
  /// Of the gradient summed over all ranks.
  public let gradientNorm: Double

  init(_ step: Int, _ rank: Int, _ batch: StepBatch, _ parameters: [Tensor], _ totals: Totals) throws {
    (self.step, self.rank) = (step, rank)
    samples = batch.slices.flatMap(\.samples)
    loss = totals.meanLoss
    gradientNorm = try Optimizers.gradientNorm(of: parameters)
  }

  public var description: String {
    let taken = samples.map(String.init).joined(separator: " ")
    return "step \(step) rank \(rank): loss \(loss), gradient norm \(gradientNorm), samples \(taken)"
  }
}

/// The first number that was not finite, and everything that leads to it.
public struct NumericsFailure: Failure {
  public let fault: NumericsFault
  public let step: Int
  /// Of the slice that was computed.
  public let samples: [Int]

  public var kind: FailureKind { .internalError }
  public var description: String {
    let range = samples.count > 6 ? "\(samples.count) samples from \(samples[0])" : "samples \(samples)"
    return "\(fault), at step \(step), slice of \(range)"
  }
}
