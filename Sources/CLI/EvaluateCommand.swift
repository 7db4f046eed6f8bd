import ArgumentParser
import Lockstep
import Zoo

struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate", abstract: "Loss and accuracy of a checkpoint on a dataset; each sample counts once.")

  @Argument(help: "A checkpoint file, or a folder of them.") var checkpoint: String
  @Option(help: "The HDF5 dataset.") var data: String
  @Option(help: "The split to use.") var split = "test"

  func run() throws {
    let communicator = try Environment.start()
    let (model, dataset) = try communicator.agreeing("start") {
      let model = try OpenedModel(checkpoint)
      return (model, try OpenedData(data, for: model.entry).dataset(split))
    }
    let totals = try model.evaluator(communicator).evaluate(dataset)
    if communicator.isRoot {
      let samples = Int(totals.samples)
      print("\(model.entry.name): \(split) loss \(totals.meanLoss), accuracy \(totals.accuracy), \(samples) samples")
    }
  }
}

extension OpenedModel {
  func evaluator(_ communicator: Communicator) -> Evaluator {
    let sharding = Sharding(
      rank: communicator.rank, rankCount: communicator.size, sliceSize: min(configuration.sliceSize, 256))
    return Evaluator(network, Classification(), sharding, communicator)
  }
}
