import ArgumentParser
import Foundation
import Lockstep

struct EvaluateCommand<Tool: LockstepTool>: JobCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "evaluate", abstract: "Loss and accuracy of a checkpoint on a dataset; each sample counts once.")
  }

  @Argument(help: "A checkpoint file, or a folder of them.", completion: .hdf5) var checkpoint: String
  @Option(help: "The HDF5 dataset.", completion: .hdf5) var data: String
  @Option(help: "The split to use; without it /test, or /train of data that have no other.") var split: String?
  @Flag(help: "Prints how many samples of each class are taken for which, for up to 50 classes.") var confusion = false

  func run() throws {
    let communicator = try joinJob()
    let (model, opened, name, dataset) = try communicator.agreeing("start", at: .starting) {
      let model = try OpenedModel(checkpoint, Tool.registry())
      let opened = try model.open(data)
      let name = split ?? (opened.splitNames == ["train"] ? "train" : "test")
      if opened.splitNames.contains(name) && !opened.isLabelled(name) {
        throw InputError(data, "/\(name) has no labels: it can be predicted, but not evaluated")
      }
      if confusion { try checkClasses(opened, model) }
      return (model, opened, name, try opened.split(name, model.configuration, isTraining: false))
    }
    let objective = opened.objective
    let evaluator = try model.evaluator(of: dataset, objective, communicator)
    try communicator.share([dataset])
    let totals = try evaluator.evaluate(dataset)
    if let measure = objective.measures(of: totals).first(where: { !$0.value.isFinite }) {
      throw NotFiniteAnswer("the \(measure.name) of \(model.path) on /\(name) is \(measure.value)")
    }
    if communicator.isRoot {
      let measures = objective.measures(of: totals).map { "\($0.name) \(String(format: "%.4f", $0.value))" }
      print(
        "\(model.entry.name): \(name) \(measures.joined(separator: ", ")), \(Int(totals.weight)) \(samples(objective))"
      )
    }
    guard confusion, let (logits, width) = try evaluator.predict(dataset) else { return }
    let answers = Classification.classes(of: logits, width)
    print(ConfusionTable(try opened.labels(name) ?? [], answers, opened.metadata.classNames ?? []).text)
  }

  private func checkClasses(_ data: any TaskData, _ model: OpenedModel) throws {
    guard let names = data.metadata.classNames else {
      throw ConfigurationError("confusion is for models that tell classes apart, which \(model.entry.name) does not")
    }
    if names.count > 50 { throw ConfigurationError("confusion is for up to 50 classes, not \(names.count)") }
  }

  private func samples(_ objective: any Objective) -> String {
    objective.unit == "examples" ? "samples" : objective.unit
  }
}
