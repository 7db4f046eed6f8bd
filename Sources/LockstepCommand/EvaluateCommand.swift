import ArgumentParser
import Foundation
import Lockstep

struct EvaluateCommand<Tool: LockstepTool>: JobCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "evaluate", abstract: "Loss and accuracy of a checkpoint on a dataset; each sample counts once.")
  }

  @Argument(help: "A checkpoint file, or a folder of them.") var checkpoint: String
  @Option(help: "The HDF5 dataset.") var data: String
  @Option(help: "The split to use; without it /test, or /train of data that have no other.") var split: String?

  func run() throws {
    let communicator = try joinJob()
    let (model, objective, name, dataset) = try communicator.agreeing("start", at: .starting) {
      let model = try OpenedModel(checkpoint, Tool.registry())
      let opened = try model.open(data)
      let name = split ?? (opened.splitNames == ["train"] ? "train" : "test")
      if opened.splitNames.contains(name) && !opened.isLabelled(name) {
        throw InputError(data, "/\(name) has no labels: it can be predicted, but not evaluated")
      }
      return (model, opened.objective, name, try opened.split(name, model.configuration, isTraining: false))
    }
    try communicator.share([dataset])
    let totals = try model.evaluator(of: dataset, objective, communicator).evaluate(dataset)
    if let measure = objective.measures(of: totals).first(where: { !$0.value.isFinite }) {
      throw NotFiniteAnswer("the \(measure.name) of \(model.path) on /\(name) is \(measure.value)")
    }
    if communicator.isRoot {
      let measures = objective.measures(of: totals).map { "\($0.name) \(String(format: "%.4f", $0.value))" }
      print(
        "\(model.entry.name): \(name) \(measures.joined(separator: ", ")), \(Int(totals.weight)) \(samples(objective))"
      )
    }
  }

  private func samples(_ objective: any Objective) -> String {
    objective.unit == "examples" ? "samples" : objective.unit
  }
}
