import ArgumentParser
import HDF5Files
import Lockstep

struct ImportCommand<Tool: LockstepTool>: SoloCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "import",
      abstract: "Makes a checkpoint of weights from elsewhere: safetensors, their index, or HDF5 that h5py wrote.",
      discussion: """
        Every tensor of the model must be in the file, by its name and shape as `lockstep summary` and PyTorch's state_dict() \
        have them, and no other. --data gives the model the dataset's sizes, and the checkpoint its classes or vocabularies.
        """)
  }

  @Argument(
    help: "A .safetensors file, a .safetensors.index.json, an HDF5 file, or a folder with one of the first two.")
  var file: String
  @Option(help: "The model that the weights are of; `lockstep models` lists them.") var model: String
  @Option(help: "The checkpoint to make: a file such as model.h5, or a folder.") var output: String
  @Option(
    help: """
      Names of the file's tensors in the model: 'old=new' or 'encoder.*=features.*', several with commas; 'teacher.*=' leaves \
      out.
      """)
  var map: [String] = []
  @Option(help: "A dataset such as the model was trained on.") var data: String?
  @Option(help: "How the images are normalised that the model was trained on: means:deviations.") var normalize: String?
  @OptionGroup(title: "Model") var sizing: SizeOptions
  @OptionGroup(title: "Data") var dataSizes: DataSizeOptions

  func run() throws {
    let entry = try Tool.registry().find(model)
    let map = try NameMap(map)
    let isFolder = !output.hasSuffix(".h5")
    try isFolder ? CheckpointFolder(output).checkOwned() : AtomicFile.check(output, from: [file])
    let weights = try StoredWeights.open(file) { Console.warn($0) }.renamed(by: map)
    let (configuration, metadata) = try configure(entry)
    let network = entry.make(configuration.sizes)
    try network.validate()
    let fit = WeightFit(weights, network)
    if let misfits = fit.misfits {
      throw CheckpointError(weights.path, "is not of such a \(entry.name): \(misfits)")
    }
    let line = WorkLine("importing")
    defer { line.clear() }
    try fit.apply { line.draw($0) }
    line.clear()
    let checkpoint = Checkpoint(
      model: network.state, optimizer: [:], optimizerSteps: 0, position: TrainingPosition(),
      configuration: try configuration.json(), metadata: metadata)
    print("\(try save(checkpoint)): \(entry.name) with \(fit.taken.count) tensors of \(weights.path)")
    print(try checkpoint.modelDigest())
  }

  /// The recipe with the sizes of the data, and those that were given.
  private func configure(_ entry: ModelEntry) throws -> (Configuration, Metadata) {
    var configuration = entry.recipe
    configuration.sizes = try sizing.applied(to: configuration.sizes, of: entry, Tool.registry())
    if let normalize { configuration = try configuration.with(["normalize": normalize]) }
    var metadata = Metadata()
    if let data {
      let opened = try entry.open(data, configuration)
      (configuration.sizes, metadata) = (configuration.sizes.fitted(to: opened.sizes), opened.metadata)
      if configuration.normalization == .ofData { try opened.complete(&configuration) }
    }
    configuration.sizes = try dataSizes.laid(over: configuration.sizes, of: entry)
    if configuration.normalization == .ofData {
      throw ConfigurationError("normalize is data, which needs --data")
    }
    try configuration.validate()
    return (configuration, metadata)
  }

  private func save(_ checkpoint: Checkpoint) throws -> String {
    if output.hasSuffix(".h5") {
      try CheckpointFile.save(checkpoint, to: output)
      return output
    }
    let folder = CheckpointFolder(output)
    try folder.prepare()
    try folder.checkOwned()
    return try folder.save(checkpoint)
  }
}

/// The sizes of a model that data decide, where there are none.
struct DataSizeOptions: ParsableArguments {
  @Option(help: "Classes that it tells apart.") var classes: Int?
  @Option(help: "Channels of an image.") var channels: Int?
  @Option(help: "Columns of a table.") var features: Int?
  @Option(help: "Numbers that it predicts.") var outputs: Int?
  @Option(help: "Tokens of a text, or words of the source language.") var vocabulary: Int?
  @Option(help: "Words of the language that it translates into.") var targetVocabulary: Int?
  @Option(help: "The shape of a sample, of models that take any, such as 3,32,32.") var inputs: String?

  func laid(over sizes: ModelSizes, of entry: ModelEntry) throws -> ModelSizes {
    var sizes = sizes
    let all: KeyValuePairs<String, (Int?, WritableKeyPath<ModelSizes, Int>)> = [
      "classes": (classes, \.classes), "channels": (channels, \.channels), "features": (features, \.features),
      "outputs": (outputs, \.outputs), "vocabulary": (vocabulary, \.vocabulary),
      "target-vocabulary": (targetVocabulary, \.targetVocabulary),
    ]
    for (name, (given, size)) in all {
      guard let given else { continue }
      guard (1...1 << 20).contains(given) else {
        throw ConfigurationError("\(name) is \(given), but must be in 1…\(1 << 20)")
      }
      sizes[keyPath: size] = given
    }
    if let inputs {
      let extents = inputs.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
      guard entry.flattens, extents.allSatisfy({ (1...1 << 16).contains($0) }),
        extents.reduce(1.0, { $0 * Double($1) }) <= 1e7
      else {
        throw ConfigurationError(
          entry.flattens
            ? "inputs is '\(inputs)', but must be a shape such as 3,32,32"
            : "inputs is for models of any shape, not \(entry.name)")
      }
      sizes.inputs = extents
    }
    return sizes
  }
}
