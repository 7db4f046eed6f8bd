import Foundation
import HDF5Files
import Lockstep
import Zoo

/// Cross-validation before the training on all rows, and the submission after it.
extension TrainCommand {
  /// Trains and judges the folds; what they came to, on every rank.
  func crossValidate(_ folds: Int, _ job: Job, _ communicator: Communicator) throws -> [CrossValidation.Fold] {
    let validation = try communicator.agreeing("cross-validate") {
      try CrossValidation(folds: folds, of: job.train, job.asked, job.objective, on: communicator)
    }
    let results = try validation.run(job.train) { job.entry.make(job.configuration.sizes) }
    guard communicator.isRoot else { return results }
    for fold in results {
      for observer in job.observers where observer is MetricsWriter || observer is CurvePlotter && fold.number == 1 {
        for epoch in fold.epochs { try observer.epochFinished(epoch) }
      }
      if !quiet { Console.show("fold \(fold.number): " + text(job, [("train", fold.train), ("valid", fold.valid)])) }
    }
    if !quiet {
      let (train, valid) = (results.means(job.objective, \.train), results.means(job.objective, \.valid))
      Console.show("\(folds) folds, mean: " + text(train.map { ("train", $0) } + valid.map { ("valid", $0) }))
    }
    return results
  }

  private func text(_ job: Job, _ splits: [(String, Totals)]) -> String {
    text(splits.flatMap { split, totals in job.objective.measures(of: totals).map { (split, $0) } })
  }

  private func text(_ measures: [(split: String, measure: Measure)]) -> String {
    measures.filter { $0.measure.name != "loss" }
      .map { "\($0.split) \($0.measure.name) \(String(format: "%.6f", $0.measure.value))" }.joined(separator: ", ")
  }

  /// Predicts the rows without a target and writes them as Kaggle wants them.
  func submit(_ job: Job, _ communicator: Communicator) throws {
    guard let submission else { return }
    let sharding = job.configuration.sharding(communicator)
    let (rows, identifiers) = try communicator.agreeing("predict") {
      (try job.data.split("test"), try job.data.names("test"))
    }
    let predictions = try Evaluator(
      job.network, job.objective, sharding, communicator, job.configuration.kernels
    ).predict(rows)
    try communicator.agreeing("submit") {
      guard let (values, _) = predictions else { return }
      let table = try job.entry.task.table(of: values, width: 1, names: identifiers, job.metadata, path: data)
      guard let table else { return }
      try AtomicFile.write(Array(table.csv().utf8), to: submission)
      if !quiet { Console.show("submission: \(submission), \(table.rowCount) rows") }
    }
  }

  /// Refuses what the model can't do, before any work.
  func checkTableOptions(_ entry: ModelEntry, _ data: any TaskData) throws {
    if folds != nil && resume != nil {
      throw ConfigurationError("folds can't be resumed: leave --folds or --resume out")
    }
    if folds != nil && optimization.given["early-stopping"] != nil {
      throw ConfigurationError("early-stopping is for one training: leave --folds or --early-stopping out")
    }
    guard let submission else { return }
    guard entry.task.outputName == "predictions" else {
      throw ConfigurationError("submission is for models that predict numbers of a table's rows")
    }
    _ = try data.split("test")
    try AtomicFile.check(submission, as: .other)
  }
}
