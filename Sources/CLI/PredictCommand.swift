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
    let (model, objective, dataset) = try communicator.agreeing("start") {
      try AtomicFile.check(output)
      let model = try OpenedModel(checkpoint)
      let workload = try model.entry.open(data)
      return (model, workload.objective, try workload.split(split))
    }
    let predictions = try model.evaluator(of: dataset, objective, communicator).predict(dataset)
    try communicator.agreeing("write") {
      guard let (values, width) = predictions else { return }
      let file = try HDF5File.inMemory()
      try file.setAttribute("model", of: "/", to: .string(model.entry.name))
      try file.sealText()
      try file.write(values, shape: [dataset.count, width], to: "/\(model.entry.outputName)")
      try AtomicFile.write(file.image(), to: output)
      print("\(output): /\(model.entry.outputName) [\(dataset.count), \(width)]")
    }
  }
}
