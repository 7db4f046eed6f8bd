import Checkpoints
import Foundation
import HDF5Files

/// What an epoch came to.
public struct EpochMetrics: Sendable {
  /// From 1.
  public let epoch: Int
  /// Optimizer steps since the training began, those before a resume included.
  public let step: Int
  /// Since the training began in this process.
  public let seconds: Double
  /// Of the epoch's steps over all ranks, each computed with the weights of its time.
  public let train: Totals
  /// Of the held-out data with the weights at the epoch's end; nil where there are none.
  public let test: Totals?
  /// Of the samples that were held back; nil where none were.
  public let validation: Totals?
  /// Of the training steps alone.
  public let examplesPerSecond: Double
  /// Of the job.
  public let ranks: Int
  /// What the totals mean.
  public let objective: any Objective
  /// Of the epoch's steps, because their numbers were not finite; nil where a training stops instead.
  public let skippedSteps: Int?
  /// Of a cross-validation, from 1; then `test` is the part that was left out.
  public var fold: Int?
  /// Where the time of the epoch's steps went on this rank; nil where nobody looked.
  public var times: StepTimes?

  /// For an observer's test, or a loop of one's own that reports as the trainer does.
  public init(
    epoch: Int, step: Int, seconds: Double, train: Totals, validation: Totals? = nil, test: Totals?,
    examplesPerSecond: Double, ranks: Int, objective: any Objective = Classification(), skippedSteps: Int? = nil
  ) {
    (self.epoch, self.step, self.seconds, self.train, self.test) = (epoch, step, seconds, train, test)
    self.validation = validation
    (self.examplesPerSecond, self.ranks, self.objective) = (examplesPerSecond, ranks, objective)
    self.skippedSteps = skippedSteps
  }

  /// The training's figures, as the objective reports them.
  public var trainMeasures: [Measure] { objective.measures(of: train) }
  /// Those of the samples that were held back; none where there are none.
  public var validationMeasures: [Measure] { validation.map { objective.measures(of: $0) } ?? [] }
  /// The held-out data's figures; none where there are no such data.
  public var testMeasures: [Measure] { test.map { objective.measures(of: $0) } ?? [] }

  /// One line of JSON (`contract`: `--metrics`).
  public var json: String {
    var fields: [(String, String)] = [("event", "\"epoch\"")]
    if let fold { fields.append(("fold", "\(fold)")) }
    fields += [("epoch", "\(epoch)"), ("step", "\(step)"), ("seconds", Self.number(seconds))]
    fields += named.map { ($0.name, Self.number($0.value)) }
    fields += [("\(objective.unit)_per_second", Self.number(examplesPerSecond)), ("ranks", "\(ranks)")]
    if let skippedSteps { fields.append(("skipped_steps", "\(skippedSteps)")) }
    return Self.object(fields)
  }

  /// The same with where the time of the steps went: what a checkpoint keeps of an epoch.
  var record: String {
    guard let times else { return json }
    let parts: KeyValuePairs<String, Double> = [
      "fetch": times.fetch, "forward": times.forward, "backward": times.backward, "wait": times.allreduceWait,
      "update": times.update,
    ]
    let fields = parts.map { ("\($0.key)_seconds", Self.number($0.value)) }
    return json.dropLast() + "," + Self.object(fields).dropFirst()
  }

  /// All measures by their names in metrics.
  var named: [Measure] {
    trainMeasures.map { Measure(Self.key("train", $0.name), $0.value) }
      + validationMeasures.map { Measure(Self.key("valid", $0.name), $0.value) }
      + testMeasures.map { Measure(Self.key(fold == nil ? "test" : "valid", $0.name), $0.value) }
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
  /// Epoch, step and samples seen.
  public let position: TrainingPosition
  /// Each takes a global batch, the last one what is left.
  public let stepsPerEpoch: Int
  /// Of the whole training.
  public let epochs: Int
  /// Of the epoch so far, over all ranks.
  public let totals: Totals
  /// Samples of a step over all ranks, but for an epoch's last one.
  public let batchSize: Int
  /// What the totals mean.
  public let objective: any Objective
  /// Why the step was skipped; nil where it was taken.
  public let skipped: NotFiniteError?
  /// This rank's own; nil unless the trainer's `checks.reportsSteps` asks for it.
  public let report: StepReport?
  /// Of this step alone, over all ranks; zeros where it was skipped.
  public internal(set) var latest = Totals()
  /// What the optimizer's first group was updated with.
  public internal(set) var learningRate = 0.0
  /// Of the global batch's gradient, before it is clipped; nil unless the trainer's `checks.gradientNormInterval` asks for it.
  public internal(set) var gradientNorm: Double?
}

/// Watches a training; called on every rank, once what is due is being saved. What it is told are values: it changes nothing,
/// and calls no collective. What it throws ends the training, so an observer that can't write what it saw keeps it as its
/// `failure` instead.
public protocol TrainingObserver: AnyObject {
  /// After each optimizer step.
  func stepFinished(_ step: FinishedStep)
  /// After each epoch, its evaluation included.
  func epochFinished(_ metrics: EpochMetrics) throws
  /// Once, at the end of a training that was not interrupted.
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
