import ArgumentParser
import HDF5Files
import Lockstep
import Zoo

struct PredictCommand: JobCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract: "Writes a model's outputs to HDF5: /logits float32 [n, classes], in the data's order.")

  @Argument(help: "A checkpoint file, or a folder of them.") var checkpoint: String
  @Option(help: "The HDF5 dataset; for a model of a table's rows also a CSV file with its raw columns.")
  var data: String
  @Option(help: "The split to use.") var split = "test"
  @Option(help: "The HDF5 file to write.") var output: String?
  @Option(
    help: """
      A CSV file to write: id, the image's name or else its number from 1, and label, its class's name; for a table's rows \
      its own names, such as Id and SalePrice.
      """)
  var csv: String?

  func validate() throws {
    if output == nil && csv == nil { throw ValidationError("Missing --output, an HDF5 file to write, or --csv") }
  }

  func run() throws {
    let communicator = try joinJob()
    let (model, inputs) = try communicator.agreeing("start") {
      let model = try OpenedModel(checkpoint)
      if let output { try AtomicFile.check(output, from: [data, model.path]) }
      if let csv { try AtomicFile.check(csv, as: .other, from: [data, model.path]) }
      guard model.entry.task == .classification || model.entry.task == .regression else {
        let instead = model.entry.task == .language ? "generate continues a text" : "translate does that"
        throw ConfigurationError("predict is for models of images and tables, not \(model.entry.name): \(instead)")
      }
      if csv != nil && model.texts["class_names"] == nil && model.entry.task != .regression {
        throw ConfigurationError("csv is for models that tell classes apart, which \(model.entry.name) does not")
      }
      return (model, try PredictionInputs(data, split, model))
    }
    let predictions = try model.evaluator(of: inputs.dataset, inputs.objective, communicator).predict(inputs.dataset)
    try communicator.agreeing("write") {
      guard let (predicted, width) = predictions else { return }
      if let place = predicted.firstIndex(where: { !$0.isFinite }) {
        throw NotFiniteAnswer("of sample \(place / max(width, 1)) \(model.path) makes \(predicted[place])")
      }
      var values = predicted
      if model.entry.task == .regression {
        let submission = try Submission(texts: model.texts, path: model.path)
        if let csv { try write(submission.table(values, inputs.identifiers), to: csv) }
        values = submission.undone(values)
      } else if let csv {
        try write(values, width, of: model, inputs.identifiers, to: csv)
      }
      if let output { try write(values, [inputs.dataset.count, width], of: model.entry, to: output) }
    }
  }

  private func write(_ table: DataFrame, to path: String) throws {
    try AtomicFile.write(Array(table.csv().utf8), to: path)
    print("\(path): \(table.rowCount) rows of \(table.names.joined(separator: ","))")
  }

  private func write(_ values: [Float], _ shape: [Int], of model: ZooModel, to path: String) throws {
    let file = try HDF5File.inMemory()
    try file.setAttribute("model", of: "/", to: .string(model.name))
    try file.sealText()
    try file.write(values, shape: shape, to: "/\(model.outputName)")
    try AtomicFile.write(file.image(), to: path)
    print("\(path): /\(model.outputName) \(shape)")
  }

  /// A submission as competitions want it.
  private func write(
    _ values: [Float], _ width: Int, of model: OpenedModel, _ names: [String]?, to path: String
  ) throws {
    let classes = model.texts["class_names"] ?? []
    var text = "id,label\n"
    for (row, best) in Predictions.classes(values, width).enumerated() {
      let label = best < classes.count ? classes[best] : "\(best)"
      text += "\(CSVText.field(names?[row] ?? "\(row + 1)")),\(CSVText.field(label))\n"
    }
    try AtomicFile.write(Array(text.utf8), to: path)
    print("\(path): \(values.count / max(width, 1)) rows")
  }
}

/// What a model is to predict from: a split of a data set, or the rows of a raw CSV file.
private struct PredictionInputs {
  let dataset: any DigestedDataset
  let objective: any Objective
  /// What names the samples, where something does.
  let identifiers: [String]?

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
    dataset = try workload.split(split, model.configuration, isTraining: false)
    objective = workload.objective
    if let tables = workload as? RegressionWorkload {
      identifiers = try tables.identifiers(split)
    } else {
      identifiers = try (workload as? ClassificationWorkload)?.file.names(split)
    }
  }
}

/// What logits say.
enum Predictions {
  /// The class of each row's largest logit, the first of equal ones.
  static func classes(_ logits: [Float], _ width: Int) -> [Int] {
    stride(from: 0, to: logits.count, by: max(width, 1)).map { start in
      (0..<width).reduce(0) { logits[start + $1] > logits[start + $0] ? $1 : $0 }
    }
  }
}

/// Fields of CSV files.
enum CSVText {
  /// In quotes where it has to be (RFC 4180).
  static func field(_ text: String) -> String {
    guard text.contains(where: { ",\"".contains($0) || $0.isNewline }) else { return text }
    return "\"\(text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\""))\""
  }
}
