import Foundation
import HDF5Files
import Lockstep

/// `--dry-run`: all that a training needs is built and loaded, one step taken and a batch of each split evaluated; then it says what
/// would run. Nothing is written.
extension TrainCommand {
  func rehearse(_ job: Job, _ trainer: Trainer, _ communicator: Communicator) throws {
    let (configuration, position) = (trainer.configuration, trainer.position)
    let held = [("valid", job.validation), ("test", job.test)].compactMap { name, data in data.map { (name, $0) } }
    try communicator.agreeing("start") {
      try trainer.checkMetrics(keepBest: keepBest, splits: held.map(\.0))
    }
    let data = job.train.arranged(epoch: position.epoch, batchSize: configuration.batchSize, seed: configuration.seed)
    let sampler = Sampler(of: data, batchSize: configuration.batchSize, seed: configuration.seed)
    let (whole, overflows) = sampler.batchCount.multipliedReportingOverflow(by: configuration.epochs)
    let left = max(min(configuration.steps ?? .max, overflows ? .max : whole) - position.step, 0)
    var told: [(String, Totals)] = []
    let loader = trainer.loader(data, sampler, epoch: position.epoch, from: position.stepInEpoch)
    defer { loader.cancel() }
    trainer.model.train()
    let start = monotonicSeconds()
    var seconds = 0.0
    if left > 0, let batch = try trainer.fetch(loader) {
      told.append(("train", try trainer.step(batch).totals))
      seconds = monotonicSeconds() - start
    }
    let evaluator = Evaluator(
      trainer.model, job.objective, trainer.strategy.sharding, communicator, configuration.kernels)
    try trainer.strategy.settle()
    for (name, split) in held {
      told.append((name, try evaluator.evaluate(Beginning(of: split, configuration.batchSize))))
    }
    guard communicator.isRoot && !quiet else { return }
    let measures = told.flatMap { name, totals in
      job.objective.measures(of: totals).map { "\(name) \($0.name) \(String(format: "%.4f", $0.value))" }
    }
    Console.show("one step, one batch of each split: \(measures.joined(separator: ", "))")
    Console.show(
      "would train \(left) steps, \(sampler.batchCount) in an epoch, on \(trainer.model.parameterCount) parameters; the "
        + "first took \(String(format: "%.3f", seconds)) s")
    if let checkpoint { Console.show("would save to \(checkpoint) every \(checkpointEvery ?? "1epoch")") }
    Console.show("dry run: nothing was written")
  }

  /// Where something would be written, it must be possible.
  func checkPlaces() throws {
    if let plot { try Gnuplot.check(plot) }
    if let metrics { try AtomicFile.check(metrics, as: .other) }
  }
}

/// The first samples of a split: as many as a step takes, or as stand side by side.
private struct Beginning: Dataset {
  private let whole: any Dataset
  let count: Int

  init(of whole: any Dataset, _ batchSize: Int) {
    self.whole = whole
    count = min(whole.count, whole.rows ?? batchSize)
  }

  var rows: Int? { whole.rows }
  func batch(_ samples: [Int]) throws -> Batch { try whole.batch(samples) }
  func weight(of samples: [Int]) -> Int { whole.weight(of: samples) }
}
