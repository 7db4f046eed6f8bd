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
  @Option(help: "The HDF5 file to write.") var output: String

  func run() throws {
    let communicator = try joinJob()
    let (model, dataset) = try communicator.agreeing("start") {
      try AtomicFile.check(output)
      let model = try OpenedModel(checkpoint)
      return (model, try OpenedData(data, for: model.entry).dataset(split))
    }
    let predictions = try model.evaluator(of: dataset, communicator).predict(dataset)
    try communicator.agreeing("write") {
      guard let (values, width) = predictions else { return }
      let file = try HDF5File.inMemory()
      try file.setAttribute("model", of: "/", to: .string(model.entry.name))
      try file.sealText()
      try file.write(values, shape: [dataset.count, width], to: "/logits")
      try AtomicFile.write(file.image(), to: output)
      print("\(output): /logits [\(dataset.count), \(width)]")
    }
  }
}
