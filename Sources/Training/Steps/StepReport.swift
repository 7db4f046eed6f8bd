/// What a rank did in one step, for debugging.
public struct StepReport: Sendable, CustomStringConvertible {
  /// Of the optimizer, from 1.
  public let step: Int
  /// Whose report it is.
  public let rank: Int
  /// Positions in the data set, in the order in which they were computed.
  public let samples: [Int]
  /// The mean over the samples that were counted on this rank.
  public let loss: Double
  /// Of the gradient summed over all ranks.
  public let gradientNorm: Double

  /// Samples that a line names: mpirun mixes lines of ranks that are longer than 4,096 bytes.
  static let mostNamed = 400

  public var description: String {
    let more = samples.count > Self.mostNamed ? " and \(samples.count - Self.mostNamed) more" : ""
    let taken = samples.prefix(Self.mostNamed).map(String.init).joined(separator: " ") + more
    return "step \(step) rank \(rank): loss \(loss), gradient norm \(gradientNorm), samples \(taken)"
  }
}

/// What a step came to, the same on all ranks but for the report.
public struct StepResult: Sendable {
  /// Over all ranks; zeros where the step was skipped.
  public internal(set) var totals: Totals
  /// The signal that asks to stop, if any rank received one.
  public let stop: Int32?
  /// Why the step was skipped; nil where it was taken.
  public internal(set) var skipped: NotFiniteError?
  /// This rank's own; nil unless `checks.reportsSteps` asks for it.
  public internal(set) var report: StepReport?
  /// What the optimizer's first group was updated with.
  public internal(set) var learningRate = 0.0
  /// Before clipping; nil unless `checks.gradientNormInterval` asks for it.
  public internal(set) var gradientNorm: Double?

  init(totals: Totals, stop: Int32?) { (self.totals, self.stop) = (totals, stop) }
}
