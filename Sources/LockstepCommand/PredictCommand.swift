import ArgumentParser
import HDF5Files
import Lockstep

struct PredictCommand<Tool: LockstepTool>: JobCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "predict",
      abstract: "Writes what a model makes of each sample, in the data's order: to HDF5, or to a CSV file.",
      discussion: "In HDF5 it is /logits, float32 [n, classes], or /predictions of models that predict numbers.")
  }

  @Argument(help: "A checkpoint file, or a folder of them.", completion: .hdf5) var checkpoint: String
  @Option(
    help: "The HDF5 dataset; for a model of a table's rows also a CSV file with its raw columns.",
    completion: .file(extensions: ["h5", "hdf5", "csv"]))
  var data: String
  @Option(help: "The split to use.") var split = "test"
  @OptionGroup var weights: WeightOptions
  @Option(help: "The HDF5 file to write.", completion: .hdf5) var output: String?
  @Option(
    help: """
      A CSV file to write: id, the image's name or else its number from 1, and label, its class's name; for a table's rows \
      its own names, such as Id and SalePrice.
      """, completion: .csv)
  var csv: String?

  func validate() throws {
    if output == nil && csv == nil { throw ValidationError("Missing --output, an HDF5 file to write, or --csv") }
  }

  func run() throws {
    let communicator = try joinJob()
    let (model, inputs) = try communicator.agreeing("start", at: .starting) {
      let model = try OpenedModel(checkpoint, Tool.registry(), weights)
      if let output { try AtomicFile.check(output, from: [data, model.path]) }
      if let csv { try AtomicFile.check(csv, as: .other, from: [data, model.path]) }
      let task = model.entry.task
      if task.outputName == nil {
        throw ConfigurationError(
          "predict is for models of images and tables, not \(model.entry.name): \(task.insteadOfPredicting)")
      }
      if csv != nil, try task.table(of: [], width: 1, names: nil, model.metadata, path: model.path) == nil {
        throw ConfigurationError("csv is for models that tell classes apart, which \(model.entry.name) does not")
      }
      return (model, try PredictionInputs(data, split, model))
    }
    let evaluator = try model.evaluator(of: inputs.dataset, inputs.objective, communicator)
    try communicator.share([inputs.dataset])
    let predictions = try evaluator.predict(inputs.dataset)
    try communicator.agreeing("write", at: .converting) {
      guard let (predicted, width) = predictions else { return }
      if let place = predicted.firstIndex(where: { !$0.isFinite }) {
        throw NotFiniteAnswer("of sample \(place / max(width, 1)) \(model.path) makes \(predicted[place])")
      }
      let task = model.entry.task
      if let csv,
        let table = try task.table(
          of: predicted, width: width, names: inputs.names, model.metadata, path: model.path)
      {
        try write(table, to: csv)
      }
      if let output {
        let values = try task.predictions(predicted, model.metadata, path: model.path)
        try write(values, [inputs.dataset.count, width], of: model.entry, to: output)
      }
    }
  }

  private func write(_ table: DataFrame, to path: String) throws {
    try AtomicFile.write(Array(table.csv().utf8), to: path)
    print("\(path): \(table.rowCount) rows of \(table.names.joined(separator: ","))")
  }

  private func write(_ values: [Float], _ shape: [Int], of model: ModelEntry, to path: String) throws {
    let file = try HDF5File.inMemory()
    try file.setAttribute("model", of: "/", to: .string(model.name))
    try file.sealText()
    try file.write(values, shape: shape, to: "/\(model.task.outputName ?? "outputs")")
    try AtomicFile.write(file.image(), to: path)
    print("\(path): /\(model.task.outputName ?? "outputs") \(shape)")
  }
}

/// What a model is to predict from: a split of a data set, or the rows of a raw CSV file.
private struct PredictionInputs {
  let dataset: any DigestedDataset
  let objective: any Objective
  /// What names the samples, where something does.
  let names: [String]?

  init(_ path: String, _ split: String, _ model: OpenedModel) throws {
    if path.lowercased().hasSuffix(".csv"),
      let rows = try model.entry.task.rows(ofCSV: path, model.metadata, path: model.path)
    {
      (dataset, names, objective) = (rows.dataset, rows.names, Regression())
      return
    }
    let opened = try model.open(path)
    dataset = try opened.split(split, model.configuration, isTraining: false)
    (objective, names) = (opened.objective, try opened.names(split))
  }
}
