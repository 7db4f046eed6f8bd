import Checkpoints
import Foundation
import HDF5Files

/// What an epoch came to.
public struct EpochMetrics: Sendable {
  public let epoch: Int
  public let step: Int
  /// Since the training began in this process.
  public let seconds: Double
  public let train: Totals
  public let test: Totals?
  /// Of the training steps alone.
  public let examplesPerSecond: Double
  public let ranks: Int
  /// What the totals mean.
  public let objective: any Objective
  /// Of a cross-validation, from 1; then `test` is the part that was left out.
  public var fold: Int?

  public init(
    epoch: Int, step: Int, seconds: Double, train: Totals, test: Totals?, examplesPerSecond: Double, ranks: Int,
    objective: any Objective = Classification()
  ) {
    (self.epoch, self.step, self.seconds, self.train, self.test) = (epoch, step, seconds, train, test)
    (self.examplesPerSecond, self.ranks, self.objective) = (examplesPerSecond, ranks, objective)
  }

  public var trainMeasures: [Measure] { objective.measures(of: train) }
  public var testMeasures: [Measure] { test.map { objective.measures(of: $0) } ?? [] }

  /// One line of JSON (`contract`: `--metrics`).
  public var json: String {
    var fields: [(String, String)] = [("event", "\"epoch\"")]
    if let fold { fields.append(("fold", "\(fold)")) }
    fields += [("epoch", "\(epoch)"), ("step", "\(step)"), ("seconds", Self.number(seconds))]
    fields += trainMeasures.map { (Self.key("train", $0.name), Self.number($0.value)) }
    fields += testMeasures.map { (Self.key(fold == nil ? "test" : "valid", $0.name), Self.number($0.value)) }
    fields += [("\(objective.unit)_per_second", Self.number(examplesPerSecond)), ("ranks", "\(ranks)")]
    return Self.object(fields)
  }

  static func object(_ fields: [(String, String)]) -> String {
    "{" + fields.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}"
  }

  /// `train_loss`, `test_accuracy`; the perplexity of the training has no prefix.
  static func key(_ split: String, _ name: String) -> String {
    name == "perplexity" && split == "train" ? name : "\(split)_\(name)"
  }

  /// JSON knows no infinities.
  static func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "null" }
}

/// Where a training stands after a step, as observers see it.
public struct FinishedStep: Sendable {
  public let position: TrainingPosition
  public let stepsPerEpoch: Int
  /// Of the whole training.
  public let epochs: Int
  /// Of the epoch so far, over all ranks.
  public let totals: Totals
  /// Samples of a step over all ranks, but for an epoch's last one.
  public let batchSize: Int
  public let objective: any Objective
  public let report: StepReport?
}

/// Watches a training; called on every rank, after what is due was saved. What it is told are values: it changes nothing,
/// and calls no collective. What it throws ends the training, so an observer that can't write what it saw keeps it as its
/// `failure` instead.
public protocol TrainingObserver: AnyObject {
  func stepFinished(_ step: FinishedStep)
  func epochFinished(_ metrics: EpochMetrics) throws
  func trainingFinished() throws
  /// What could not be written; nil when all was.
  var failure: FileError? { get }
  /// Asks the training to end with the epoch that it was just told of: all ranks then end together, and save. On one rank is
  /// enough.
  var wantsToStop: Bool { get }
}

extension TrainingObserver {
  public func stepFinished(_ step: FinishedStep) {}
  public func epochFinished(_ metrics: EpochMetrics) throws {}
  public func trainingFinished() throws {}
  public var failure: FileError? { nil }
  public var wantsToStop: Bool { false }
}
