import ArgumentParser
import Foundation
import Lockstep
import Zoo

struct EvaluateCommand: JobCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate", abstract: "Loss and accuracy of a checkpoint on a dataset; each sample counts once.")

  @Argument(help: "A checkpoint file, or a folder of them.") var checkpoint: String
  @Option(help: "The HDF5 dataset.") var data: String
  @Option(help: "The split to use.") var split = "test"

  func run() throws {
    let communicator = try joinJob()
    let (model, dataset) = try communicator.agreeing("start") {
      let model = try OpenedModel(checkpoint)
      let opened = try OpenedData(data, for: model.entry)
      if opened.file.classNames.count > model.classes {
        throw InputError(data, "has \(opened.file.classNames.count) classes, but \(model.path) knows \(model.classes)")
      }
      return (model, try opened.dataset(split))
    }
    let totals = try model.evaluator(of: dataset, communicator).evaluate(dataset)
    if communicator.isRoot {
      let samples = Int(totals.samples)
      let (loss, accuracy) = (String(format: "%.4f", totals.meanLoss), String(format: "%.4f", totals.accuracy))
      print("\(model.entry.name): \(split) loss \(loss), accuracy \(accuracy), \(samples) samples")
    }
  }
}

extension OpenedModel {
  /// All ranks must have read the same model and data.
  func evaluator(of dataset: ImageDataset, _ communicator: Communicator) throws -> Evaluator {
    if communicator.size > 1 {
      let model = try Checkpoint.digest(network.state)
      try Replicas.agree(["data \(dataset.digest)", "model \(model)"], over: communicator)
    }
    let sharding = Sharding(
      rank: communicator.rank, rankCount: communicator.size, sliceSize: min(configuration.sliceSize, 256))
    return Evaluator(network, Classification(), sharding, communicator)
  }
}
