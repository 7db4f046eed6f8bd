import ArgumentParser
import HDF5Files
import Lockstep
import Zoo

struct PredictCommand: JobCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract: "Writes a model's outputs to HDF5: /logits float32 [n, classes], in the data's order.")

  @Argument(help: "A checkpoint file, or a folder of them.") var checkpoint: String
  @Option(help: "The HDF5 dataset.") var data: String
  @Option(help: "The split to use.") var split = "test"
  @Option(help: "The HDF5 file to write.") var output: String?
  @Option(help: "A CSV file to write: id, the image's name or else its number from 1, and label, its class's name.")
  var csv: String?

  func validate() throws {
    if output == nil && csv == nil { throw ValidationError("Missing --output, an HDF5 file to write, or --csv") }
  }

  func run() throws {
    let communicator = try joinJob()
    let (model, workload, dataset) = try communicator.agreeing("start") {
      for path in [output, csv].compactMap({ $0 }) { try AtomicFile.check(path) }
      let model = try OpenedModel(checkpoint)
      let workload = try model.open(data)
      if csv != nil && model.texts["class_names"] == nil {
        throw ConfigurationError("csv is for models that tell classes apart, which \(model.entry.name) does not")
      }
      return (model, workload, try workload.split(split, model.configuration, isTraining: false))
    }
    let predictions = try model.evaluator(of: dataset, workload.objective, communicator).predict(dataset)
    try communicator.agreeing("write") {
      guard let (values, width) = predictions else { return }
      if let output { try write(values, [dataset.count, width], of: model.entry, to: output) }
      if let csv { try write(values, width, of: model, workload, to: csv) }
    }
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
    _ values: [Float], _ width: Int, of model: OpenedModel, _ workload: any Workload, to path: String
  ) throws {
    let classes = model.texts["class_names"] ?? []
    let names = try (workload as? ClassificationWorkload)?.file.names(split)
    var text = "id,label\n"
    for (row, best) in Predictions.classes(values, width).enumerated() {
      let label = best < classes.count ? classes[best] : "\(best)"
      text += "\(CSVText.field(names?[row] ?? "\(row + 1)")),\(CSVText.field(label))\n"
    }
    try AtomicFile.write(Array(text.utf8), to: path)
    print("\(path): \(values.count / max(width, 1)) rows")
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
