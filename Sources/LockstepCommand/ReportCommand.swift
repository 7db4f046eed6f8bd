import ArgumentParser
import Foundation
import HDF5Files
import Lockstep

struct ReportCommand<Tool: LockstepTool>: SoloCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "report", abstract: "Writes one page (HTML) about a training: curves, times, mistakes, texts.",
      discussion: """
        RUN is a checkpoint or a folder of them, a file of --metrics, or a folder of --logger jsonl. With a checkpoint the page \
        shows the model; with --data also what it makes of those. The page needs no other file and no script.
        """)
  }

  @Argument(help: ArgumentHelp("The training.", valueName: "run"), completion: .file()) var source: String
  @Option(help: "The .html file to write.", completion: .file(extensions: ["html"])) var output: String
  @Option(help: "The HDF5 dataset to judge a checkpoint by.", completion: .hdf5) var data: String?
  @Option(help: "The split to use; without it /test or /validation, or /train of data that have no other.") var split:
    String?
  @Option(parsing: .unconditional, help: "How many of the worst mistakes, or of the first sentences, are shown.")
  var count = 24
  @OptionGroup var weights: WeightOptions

  func validate() throws {
    if !output.lowercased().hasSuffix(".html") && !output.hasPrefix("/dev/") {
      throw ValidationError("--output is '\(output)', but must end in .html")
    }
    if !(1...400).contains(count) { throw ValidationError("--count is \(count), but must be in 1…400") }
  }

  func run() throws {
    try AtomicFile.check(output, as: .other, from: [source] + (data.map { [$0] } ?? []))
    guard FileManager.default.fileExists(atPath: source) else { throw FileError(.missing, path: source, "no such run") }
    let model = try isCheckpoint ? OpenedModel(source, Tool.registry(), weights) : nil
    if model == nil && (data != nil || weights.ema) {
      let option = data == nil ? "ema" : "data"
      throw ConfigurationError("\(option) is for a checkpoint, which \(source) is not: figures alone answer nothing")
    }
    let history = try history(of: model)
    let name = model?.entry.name ?? history?.configuration?.model ?? URL(fileURLWithPath: source).lastPathComponent
    var page = HTMLPage("\(name): \(source)")
    if let history { ReportSections.add(history, to: &page) }
    if let model {
      if let data {
        try model.configuration.kernels.run { try ReportSections.add(model, data, split, count: count, to: &page) }
      } else {
        page.add("What it makes of data", "<p class=\"note\">lockstep report … --data FILE shows it here.</p>")
      }
    }
    try ReportSections.add(model?.configuration ?? history?.configuration, model?.network, to: &page)
    try AtomicFile.write(Array(page.html.utf8), to: output)
    print("\(output): \(name), \(history.map { "\($0.epochs.count) epochs" } ?? "no epochs")")
  }

  private var isCheckpoint: Bool {
    if source.hasSuffix(".h5") { return true }
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: source, isDirectory: &isFolder) && isFolder.boolValue
      && !FileManager.default.fileExists(atPath: source + "/metrics.jsonl")
  }

  /// A checkpoint may be older than what keeps its epochs, or saved before the first had ended: then there are no curves.
  private func history(of model: OpenedModel?) throws -> RunHistory? {
    if let model, model.metadata.history?.isEmpty ?? true { return nil }
    return try RunHistory(source)
  }
}
