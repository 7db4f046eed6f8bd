import ArgumentParser
import HDF5Files
import Lockstep
import Zoo

struct PredictCommand: JobCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract: "Writes a model's outputs to HDF5: /logits float32 [n, classes], in the data's order.")

  @Argument(help: "A checkpoint file, or a folder of them.") var checkpoint: String
  @Option(help: "The HDF5 dataset; for a model of a table's rows also a CSV file with its raw columns.") var data:
    String
  @Option(help: "The split to use.") var split = "test"
  @Option(help: "The HDF5 file to write.") var output: String?
  @Option(help: "Writes predicted numbers as CSV under the table's own names, such as Id,SalePrice.") var submission:
    String?

  func validate() throws {
    if output == nil && submission == nil { throw ValidationError("--output or --submission must say where to write") }
  }

  func run() throws {
    let communicator = try joinJob()
    let (model, inputs) = try communicator.agreeing("start") {
      for path in [output, submission].compactMap({ $0 }) { try AtomicFile.check(path) }
      let model = try OpenedModel(checkpoint)
      if submission != nil && model.entry.task != .regression {
        throw ConfigurationError("submission is for models that predict numbers of a table's rows")
      }
      return (model, try PredictionInputs(data, split, model))
    }
    let predictions = try model.evaluator(of: inputs.dataset, inputs.objective, communicator).predict(inputs.dataset)
    try communicator.agreeing("write") {
      guard let (values, width) = predictions else { return }
      if let output { try write(values, [inputs.dataset.count, width], model, to: output) }
      if let submission {
        let table = try Submission(texts: model.texts, path: model.path).table(values, inputs.identifiers)
        try AtomicFile.write(Array(table.csv().utf8), to: submission)
        print("\(submission): \(table.rowCount) rows of \(table.names.joined(separator: ","))")
      }
    }
  }

  private func write(_ values: [Float], _ shape: [Int], _ model: OpenedModel, to output: String) throws {
    let file = try HDF5File.inMemory()
    try file.setAttribute("model", of: "/", to: .string(model.entry.name))
    try file.sealText()
    let isRegression = model.entry.task == .regression
    let told = isRegression ? try Submission(texts: model.texts, path: model.path).undone(values) : values
    try file.write(told, shape: shape, to: "/\(model.entry.outputName)")
    try AtomicFile.write(file.image(), to: output)
    print("\(output): /\(model.entry.outputName) \(Shape(shape))")
  }
}

/// What a model is to predict from: a split of a data set, or the rows of a raw CSV file.
private struct PredictionInputs {
  let dataset: any DigestedDataset
  let objective: any Objective
  /// What names the rows of a table.
  var identifiers: [String]?

  init(_ path: String, _ split: String, _ model: OpenedModel) throws {
    if path.lowercased().hasSuffix(".csv"), model.entry.task == .regression {
      guard let json = model.texts[RegressionWorkload.preparationKey]?.first else {
        throw CheckpointError(model.path, "was not trained on a converted CSV file: it can't prepare \(path)")
      }
      let preparation = try TablePreparation(json: json, path: model.path)
      let table = try DataFrame(csv: path)
      let features = try preparation.features(of: table, path)
      identifiers = preparation.identifiers(of: table)
      dataset = TableDataset(TableSplit(features: features, width: preparation.featureNames.count, targets: nil))
      objective = Regression(isLogarithmic: model.entry.recipe.isLogarithmic)
      return
    }
    let workload = try model.open(path)
    (dataset, objective) = (try workload.split(split), workload.objective)
    identifiers = try (workload as? RegressionWorkload)?.identifiers(split)
  }
}
