import Foundation
import HDF5Files
import Lockstep
import Zoo

/// Cross-validation before the training on all rows, and the submission after it.
extension TrainCommand {
  /// Trains and judges the folds; what they came to, on every rank.
  func crossValidate(_ folds: Int, _ job: Job, _ communicator: Communicator) throws -> [CrossValidation.Fold] {
    let entry = try Zoo.find(model)
    let validation = try communicator.agreeing("cross-validate") {
      try CrossValidation(folds: folds, of: job.train, job.asked, job.objective, on: communicator)
    }
    let results = try validation.run(job.train) { entry.make(job.configuration.sizes) }
    guard communicator.isRoot else { return results }
    for fold in results {
      for observer in job.observers where observer is MetricsWriter || observer is CurvePlotter && fold.number == 1 {
        for epoch in fold.epochs { try observer.epochFinished(epoch) }
      }
      if !quiet { Main.show("fold \(fold.number): " + text(job, [("train", fold.train), ("valid", fold.valid)])) }
    }
    if !quiet {
      let (train, valid) = (results.means(job.objective, \.train), results.means(job.objective, \.valid))
      Main.show("\(folds) folds, mean: " + text(train.map { ("train", $0) } + valid.map { ("valid", $0) }))
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
      let workload = try Self.tables(job.workload, "submission")
      return (try workload.split("test"), try workload.identifiers("test"))
    }
    let predictions = try Evaluator(
      job.network, job.objective, sharding, communicator, job.configuration.kernels
    ).predict(rows)
    try communicator.agreeing("submit") {
      guard let (values, _) = predictions else { return }
      let table = try Submission(texts: job.texts, path: data).table(values, identifiers)
      try AtomicFile.write(Array(table.csv().utf8), to: submission)
      if !quiet { Main.show("submission: \(submission), \(table.rowCount) rows") }
    }
  }

  /// Refuses what the model can't do, before any work.
  func checkTableOptions(_ workload: any Workload) throws {
    if folds != nil && resume != nil {
      throw ConfigurationError("folds can't be resumed: leave --folds or --resume out")
    }
    guard let submission else { return }
    _ = try Self.tables(workload, "submission").split("test")
    try AtomicFile.check(submission, as: .other)
  }

  private static func tables(_ workload: any Workload, _ option: String) throws -> RegressionWorkload {
    guard let tables = workload as? RegressionWorkload else {
      throw ConfigurationError("\(option) is for models that predict numbers of a table's rows")
    }
    return tables
  }
}
