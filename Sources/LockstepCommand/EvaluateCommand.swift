import ArgumentParser
import Foundation
import HDF5Files
import Lockstep

struct EvaluateCommand<Tool: LockstepTool>: JobCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "evaluate", abstract: "Loss and accuracy of a checkpoint on a dataset; each sample counts once.")
  }

  @Argument(help: "A checkpoint file, or a folder of them.", completion: .hdf5) var checkpoint: String
  @Option(help: "The HDF5 dataset.", completion: .hdf5) var data: String
  @Option(help: "The split to use; without it /test or /validation, or /train of data that have no other.") var split:
    String?
  @OptionGroup var weights: WeightOptions
  @Option(parsing: .unconditional, help: "Also counts a sample as right whose class is among so many best answers.")
  var topK: Int?
  @Flag(help: "Prints precision, recall and F1 of each class.") var report = false
  @Flag(help: "Prints how many samples of each class are taken for which, for up to 50 classes.") var confusion = false
  @Option(
    help: "Writes all figures, those of each class included, to this JSON file.",
    completion: .file(extensions: ["json"]))
  var output: String?
  @Option(help: "Draws the confusion matrix to this .svg or .png file.", completion: .picture) var plot: String?

  func run() throws {
    let communicator = try joinJob()
    let (model, opened, name, dataset) = try communicator.agreeing("start", at: .starting) {
      let model = try OpenedModel(checkpoint, Tool.registry(), weights)
      let opened = try model.open(data)
      let name = split ?? opened.usualSplit
      if opened.splitNames.contains(name) && !opened.isLabelled(name) {
        throw InputError(data, "/\(name) has no labels: it can be predicted, but not evaluated")
      }
      try checkClasses(opened, model)
      if let output { try AtomicFile.check(output, as: .other, from: [data, model.path]) }
      if let plot { try Gnuplot.check(plot) }
      return (model, opened, name, try opened.split(name, model.configuration, isTraining: false))
    }
    let objective = opened.objective
    let evaluator = try model.evaluator(of: dataset, objective, communicator)
    try communicator.share([dataset])
    let totals = try evaluator.evaluate(dataset)
    var measures = objective.measures(of: totals)
    if let measure = measures.first(where: { !$0.value.isFinite }) {
      throw NotFiniteAnswer("the \(measure.name) of \(model.path) on /\(name) is \(measure.value)")
    }
    let answers = try answers(of: evaluator, dataset, opened, name, communicator)
    guard communicator.isRoot else { return try communicator.agreeing("write") {} }
    if let topK, let answers { measures.append(Measure("top_\(topK)_accuracy", answers.accuracy(top: topK))) }
    let texts = measures.map { "\($0.name) \(String(format: "%.4f", $0.value))" }
    print("\(model.entry.name): \(name) \(texts.joined(separator: ", ")), \(Int(totals.weight)) \(samples(objective))")
    if let answers {
      if report { print(ClassReport(answers).text) }
      if confusion { print(ConfusionTable(answers).text) }
    }
    try communicator.agreeing("write") { try write(model, name, totals, measures, answers) }
  }

  /// What the model says of each sample, on rank 0; nil where nobody asks for it. Collective.
  private func answers(
    of evaluator: Evaluator, _ dataset: any Dataset, _ data: any TaskData, _ split: String, _ communicator: Communicator
  ) throws -> ClassAnswers? {
    guard topK != nil || report || confusion || plot != nil || output != nil, let names = data.metadata.classNames
    else { return nil }
    guard let (logits, width) = try evaluator.predict(dataset) else { return nil }
    return ClassAnswers(logits, width, try data.labels(split) ?? [], names)
  }

  private func checkClasses(_ data: any TaskData, _ model: OpenedModel) throws {
    let asked = [
      topK.map { _ in "top-k" }, report ? "report" : nil, confusion ? "confusion" : nil, plot.map { _ in "plot" },
    ].compactMap { $0 }
    guard let option = asked.first else { return }
    guard let names = data.metadata.classNames else {
      throw ConfigurationError("\(option) is for models that tell classes apart, which \(model.entry.name) does not")
    }
    let classes = model.configuration.sizes.classes
    if let topK, !(1...max(classes, 1)).contains(topK) {
      throw ConfigurationError("top-k is \(topK), but must be in 1…\(classes), the classes of \(model.path)")
    }
    if confusion && names.count > 50 {
      throw ConfigurationError("confusion is for up to 50 classes, not \(names.count)")
    }
  }

  private func write(
    _ model: OpenedModel, _ split: String, _ totals: Totals, _ measures: [Measure], _ answers: ClassAnswers?
  ) throws {
    if let output {
      let evaluation = Evaluation(
        model: model.entry.name, checkpoint: model.path, data: data, split: split, samples: Int(totals.weight),
        measures: Dictionary(uniqueKeysWithValues: measures.map { ($0.name, $0.value) }),
        report: answers.map { ClassReport($0) }, confusion: answers?.counts)
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      try AtomicFile.write([UInt8](encoder.encode(evaluation)) + [UInt8(ascii: "\n")], to: output)
    }
    if let plot, let answers {
      let title = "\(model.entry.name) on \(split): \(answers.hits) of \(answers.labels.count) right"
      try Gnuplot.draw(
        ConfusionMatrix(answers.counts, answers.names).script(title: title), to: plot,
        size: ConfusionMatrix.size(answers.names.count))
    }
  }

  private func samples(_ objective: any Objective) -> String {
    objective.unit == "examples" ? "samples" : objective.unit
  }
}

/// What `evaluate --output` writes.
private struct Evaluation: Encodable {
  let model, checkpoint, data, split: String
  let samples: Int
  let measures: [String: Double]
  let report: ClassReport?
  /// A row for each true class, a column for each that samples were taken for.
  let confusion: [[Int]]?
}
