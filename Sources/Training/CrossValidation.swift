import DataParallel
import Datasets
import Failures
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
    /// What each epoch came to, in order; `test` in them is the part left out.
    public let epochs: [EpochMetrics]
    /// Of the trained network, over the fold's training part and the part left out.
    public let train, valid: Totals
  }

  /// Into how many parts the data are cut, which is how many networks are trained.
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
    let meetings = Meetings(communicator)
    var mine: [Fold] = []
    for first in stride(from: 0, to: folds, by: communicator.size) {
      let fold = first + communicator.rank
      try meetings.telling {
        // However much longer one fold's epoch takes than another's.
        if fold < folds {
          return mine.append(
            try communicator.working(at: .computing) { try train(fold, dataset, make(), meetings) })
        }
        for _ in 0...configuration.epochs { try meetings.meet() }
      }
    }
    return try communicator.tellAll(mine.map(FoldReport.init)).flatMap { $0 }.sorted { $0.number < $1.number }
      .map { $0.fold(objective, ranks: communicator.size) }
  }

  private func train(_ fold: Int, _ dataset: any DigestedDataset, _ network: Module, _ meetings: Meetings) throws
    -> Fold
  {
    let (rest, left) = Subset.fold(fold, of: folds, dataset)
    let steps = Sampler(sampleCount: rest.count, batchSize: configuration.batchSize).batchCount
    let trainer = try Trainer(
      drawing: network, objective, configuration.spanningSchedule(stepsPerEpoch: steps))
    var epochs: [EpochMetrics] = []
    let start = monotonicSeconds()
    while let metrics = try trainer.fitEpoch(rest, test: left, since: start) {
      epochs.append(metrics)
      try meetings.meet()
    }
    let evaluator = Evaluator(
      network, objective, configuration.sharding(.alone), .alone, configuration.kernels)
    let result = Fold(
      number: fold + 1, epochs: epochs, train: try evaluator.evaluate(rest), valid: try evaluator.evaluate(left))
    try meetings.meet()
    return result
  }
}

/// A fold as ranks tell it each other.
private struct FoldReport: Packable {
  private struct Epoch: Packable {
    let epoch, step: Int
    let seconds, examplesPerSecond: Double
    let train: Totals
    let test: Totals?
    let skippedSteps: Int?

    init(_ metrics: EpochMetrics) {
      (epoch, step, seconds) = (metrics.epoch, metrics.step, metrics.seconds)
      (examplesPerSecond, train, test) = (metrics.examplesPerSecond, metrics.train, metrics.test)
      skippedSteps = metrics.skippedSteps
    }

    func pack(into packet: inout Packet) {
      packet.pack(epoch)
      packet.pack(step)
      packet.pack(seconds)
      packet.pack(examplesPerSecond)
      packet.pack(train)
      packet.pack(test)
      packet.pack(skippedSteps)
    }
    init(from packet: inout Packet) throws {
      (epoch, step) = (try packet.unpack(), try packet.unpack())
      (seconds, examplesPerSecond) = (try packet.unpack(), try packet.unpack())
      (train, test, skippedSteps) = (try packet.unpack(), try packet.unpack(), try packet.unpack())
    }
  }

  let number: Int
  private let epochs: [Epoch]
  private let train, valid: Totals

  init(_ fold: CrossValidation.Fold) {
    (number, epochs, train, valid) = (fold.number, fold.epochs.map(Epoch.init), fold.train, fold.valid)
  }

  func pack(into packet: inout Packet) {
    packet.pack(number)
    packet.pack(epochs)
    packet.pack(train)
    packet.pack(valid)
  }
  init(from packet: inout Packet) throws {
    (number, epochs) = (try packet.unpack(), try packet.unpack())
    (train, valid) = (try packet.unpack(), try packet.unpack())
  }

  func fold(_ objective: any Objective, ranks: Int) -> CrossValidation.Fold {
    let metrics = epochs.map { epoch in
      var metrics = EpochMetrics(
        epoch: epoch.epoch, step: epoch.step, seconds: epoch.seconds, train: epoch.train, test: epoch.test,
        examplesPerSecond: epoch.examplesPerSecond, ranks: ranks, objective: objective, skippedSteps: epoch.skippedSteps
      )
      metrics.fold = number
      return metrics
    }
    return CrossValidation.Fold(number: number, epochs: metrics, train: train, valid: valid)
  }
}

/// The mean of what the folds came to.
extension [CrossValidation.Fold] {
  /// The mean over the folds of each figure that the objective reports.
  ///
  /// - Parameters:
  ///   - objective: what the totals mean.
  ///   - totals: which of a fold's: `\.train` or `\.valid`.
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
private final class Meetings {
  private let communicator: Communicator
  /// Whether all ranks know of an error already.
  private var hasFailed = false

  init(_ communicator: Communicator) { self.communicator = communicator }

  /// Runs `body`; what it fails with between two meetings, all ranks are told at the next.
  func telling(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch {
      if !hasFailed { try meet(after: error) }
      throw error
    }
  }

  /// Throws on all ranks what any of them failed with, or was asked to stop by.
  func meet(after error: (any Error)? = nil) throws {
    hasFailed = true
    let interrupted = error as? Interrupted
    let signal = try communicator.allReduce([Int64(interrupted?.signal ?? 0)], .maximum)[0]
    if signal > 0 { throw Interrupted(signal: Int32(signal), step: interrupted?.step ?? 0, folder: nil) }
    try communicator.agreeing("cross-validate") { if let error { throw error } }
    hasFailed = false
  }
}
