import DataParallel
import Datasets
import HDF5Files
import MessagePassing
import Networks

/// K-fold cross-validation: every fold is once left out to validate with, while a network is trained on the others.
///
/// Folds are dealt out to the ranks, each of which trains its own by itself: so the result is the same, bit for bit, on
/// any number of ranks. After every epoch all ranks meet, so that they stop together and nobody waits long.
public struct CrossValidation {
  /// What a fold came to.
  public struct Fold: Sendable {
    /// From 1.
    public let number: Int
    public let epochs: [EpochMetrics]
    /// Of the trained network, over the fold's training part and the part left out.
    public let train, valid: Totals
  }

  public let folds: Int
  private let configuration: Configuration
  private let objective: any Objective
  private let communicator: Communicator

  /// - Throws: `ConfigurationError` for a number of folds that can't be, or a training that ends within an epoch.
  public init(
    folds: Int, of dataset: any Dataset, _ configuration: Configuration, _ objective: any Objective,
    on communicator: Communicator = .alone
  ) throws {
    guard (2...max(dataset.count, 2)).contains(folds), dataset.count >= 2 else {
      throw ConfigurationError("folds is \(folds), but must be in 2…\(dataset.count), the rows of /train")
    }
    guard configuration.steps == nil else { throw ConfigurationError("folds needs whole epochs, without --steps") }
    (self.folds, self.configuration) = (folds, configuration)
    (self.objective, self.communicator) = (objective, communicator)
  }

  /// All folds in order, on every rank. `make` builds a new network.
  public func run(_ dataset: any DigestedDataset, _ make: () -> Module) throws -> [Fold] {
    var mine: [Fold] = []
    for first in stride(from: 0, to: folds, by: communicator.size) {
      let fold = first + communicator.rank
      guard fold < folds else {
        for _ in 0...configuration.epochs { try Laps(communicator).meet(after: nil) }
        continue
      }
      let laps = Laps(communicator)
      do {
        mine.append(try train(fold, dataset, make(), laps))
      } catch {
        if !laps.hasFailed { try laps.meet(after: error) }
        throw error
      }
    }
    return try exchange(mine)
  }

  private func train(_ fold: Int, _ dataset: any DigestedDataset, _ network: Module, _ laps: Laps) throws -> Fold {
    let (rest, left) = Subset.fold(fold, of: folds, dataset)
    let steps = Sampler(sampleCount: rest.count, batchSize: configuration.batchSize).batchCount
    let trainer = try Trainer(network, objective, configuration.spanningSchedule(stepsPerEpoch: steps))
    trainer.observers = [laps]
    try trainer.fit(rest, test: left)
    let evaluator = Evaluator(
      network, objective, configuration.sharding(.alone), .alone, configuration.kernels)
    let result = Fold(
      number: fold + 1, epochs: laps.epochs, train: try evaluator.evaluate(rest), valid: try evaluator.evaluate(left))
    try laps.meet(after: nil)
    return result
  }

  /// Every rank's folds on all ranks, as numbers.
  private func exchange(_ mine: [Fold]) throws -> [Fold] {
    var numbers: [Double] = []
    for fold in mine {
      numbers.append(Double(fold.number))
      numbers += fold.train.values + fold.valid.values
      for epoch in fold.epochs {
        numbers += [Double(epoch.step), epoch.seconds, epoch.examplesPerSecond]
        numbers += epoch.train.values + (epoch.test ?? Totals()).values
      }
    }
    let width = 7 + 9 * configuration.epochs
    let all = try communicator.allGather(numbers).flatMap { $0 }
    return stride(from: 0, to: all.count, by: width).map { fold(Array(all[$0..<$0 + width])) }
      .sorted { $0.number < $1.number }
  }

  private func fold(_ numbers: [Double]) -> Fold {
    let epochs = (0..<configuration.epochs).map { index in
      let part = Array(numbers[(7 + 9 * index)..<(16 + 9 * index)])
      var metrics = EpochMetrics(
        epoch: index + 1, step: Int(part[0]), seconds: part[1], train: Totals(Array(part[3..<6])),
        test: Totals(Array(part[6..<9])), examplesPerSecond: part[2], ranks: communicator.size, objective: objective)
      metrics.fold = Int(numbers[0])
      return metrics
    }
    return Fold(
      number: Int(numbers[0]), epochs: epochs, train: Totals(Array(numbers[1..<4])),
      valid: Totals(Array(numbers[4..<7])))
  }
}

/// The mean of what the folds came to.
extension [CrossValidation.Fold] {
  public func means(_ objective: any Objective, _ totals: (CrossValidation.Fold) -> Totals) -> [Measure] {
    let all = map { objective.measures(of: totals($0)) }
    return (all.first ?? []).indices.map { index in
      Measure(all[0][index].name, all.reduce(0) { $0 + $1[index].value } / Double(count))
    }
  }

  /// A line of JSON: `{"event":"folds","folds":5,"train_log_rmse":…,"valid_log_rmse":…}`.
  public func summary(_ objective: any Objective) -> String {
    var fields = [("event", "\"folds\""), ("folds", "\(count)")]
    for (split, measures) in [("train", means(objective, \.train)), ("valid", means(objective, \.valid))] {
      fields += measures.map { (EpochMetrics.key(split, $0.name), EpochMetrics.number($0.value)) }
    }
    return EpochMetrics.object(fields)
  }
}

/// Brings the ranks together after each epoch of their folds.
private final class Laps: TrainingObserver {
  private let communicator: Communicator
  private(set) var epochs: [EpochMetrics] = []
  /// Whether all ranks know of an error already.
  private(set) var hasFailed = false

  init(_ communicator: Communicator) { self.communicator = communicator }

  func epochFinished(_ metrics: EpochMetrics) throws {
    epochs.append(metrics)
    try meet(after: nil)
  }

  /// Throws on all ranks what any of them failed with, or was asked to stop by.
  func meet(after error: (any Error)?) throws {
    hasFailed = true
    let interrupted = error as? Interrupted
    let signal = try communicator.allReduce([Int64(interrupted?.signal ?? 0)], .maximum)[0]
    if signal > 0 { throw Interrupted(signal: Int32(signal), step: interrupted?.step ?? 0, folder: nil) }
    try communicator.agreeing("cross-validate") { if let error { throw error } }
    hasFailed = false
  }
}
