import Checkpoints
import Datasets
import Networks
import Tensors

/// What a model learns: which datasets it takes, how it is judged, and what its outputs are. A task of one's own is a value
/// of this protocol, as the four that are here.
public protocol LearningTask: Sendable {
  /// The attribute `task` of its datasets.
  var name: String { get }
  /// The groups of settings that are for such data alone.
  var settings: [any Settings.Type] { get }
  /// The sizes of a model, as far as the shape of an input tells.
  func sizes(of inputShape: [Int]) -> ModelSizes
  /// Opens the dataset at `path` and checks that it fits the model, before anything is computed.
  func open(_ path: String, for model: ModelEntry, _ configuration: Configuration) throws -> any TaskData
  /// Random data in memory that fit the model, for benchmarks.
  func synthetic(
    for model: ModelEntry, _ configuration: Configuration
  ) throws -> (dataset: any Dataset, objective: any Objective)

  /// The shape of the outputs for so many samples; nil where the objective looks after that.
  func outputShape(_ samples: Int, _ sizes: ModelSizes) -> [Int]?
  /// What a network makes of zeros of that shape, as a training step runs it.
  func trial(of network: Module, inputShape: [Int]) throws -> Tensor
  /// A forward pass over so many random samples, other numbers for each count, that the export to ONNX writes down.
  func pass(of network: Module, _ model: ModelEntry, _ sizes: ModelSizes, samples: Int) throws -> ForwardPass

  /// The name of the outputs in a file of predictions; nil where they are none, and `predict` is not for it.
  var outputName: String? { get }
  /// What is there instead of `predict`.
  var insteadOfPredicting: String { get }
  /// The outputs in the unit of the raw data.
  func predictions(_ outputs: [Float], _ metadata: Metadata, path: String) throws -> [Float]
  /// A table of what was predicted, named as the raw data are; nil for no such thing.
  func table(
    of outputs: [Float], width: Int, names: [String]?, _ metadata: Metadata, path: String
  ) throws -> DataFrame?
  /// The rows of a raw CSV file, prepared as the training's were; nil for what no such file can be.
  func rows(
    ofCSV data: String, _ metadata: Metadata, path: String
  ) throws -> (dataset: any DigestedDataset, names: [String]?)?
}

extension LearningTask {
  public var settings: [any Settings.Type] { [] }
  public func sizes(of inputShape: [Int]) -> ModelSizes { ModelSizes() }
  public func outputShape(_ samples: Int, _ sizes: ModelSizes) -> [Int]? { nil }
  public var outputName: String? { nil }
  public var insteadOfPredicting: String { "it has no predictions" }
  public func predictions(_ outputs: [Float], _ metadata: Metadata, path: String) throws -> [Float] { outputs }
  public func table(
    of outputs: [Float], width: Int, names: [String]?, _ metadata: Metadata, path: String
  ) throws -> DataFrame? { nil }
  public func rows(
    ofCSV data: String, _ metadata: Metadata, path: String
  ) throws -> (dataset: any DigestedDataset, names: [String]?)? { nil }

  public func trial(of network: Module, inputShape: [Int]) throws -> Tensor { network(Tensor.zeros(Shape(inputShape))) }

  public func pass(of network: Module, _ model: ModelEntry, _ sizes: ModelSizes, samples: Int) throws -> ForwardPass {
    let key = RandomKey(seed: UInt64(samples), .synthesis)
    let input = Tensor.uniform(Shape([samples] + model.shape(of: sizes)), key: key)
    return ForwardPass([("input", input)], to: outputName ?? "output") { network(input) }
  }

  /// Whether a network gives the outputs that the task judges: what a user's own may get wrong.
  public func check(_ network: Module, _ model: String, _ dataset: any Dataset, _ sizes: ModelSizes) throws {
    guard let wanted = outputShape(1, sizes), dataset.count > 0 else { return }
    network.evaluate()
    defer { network.train() }
    let output = try withoutGradient { try network(dataset.batch([0]).inputs).shape }
    guard output == Shape(wanted) else {
      throw ConfigurationError("\(model) gives \(output) for one sample, but \(name) needs \(Shape(wanted))")
    }
  }
}

/// A dataset opened for a model.
public protocol TaskData: Sendable {
  /// What the data decide about the model.
  var sizes: ModelSizes { get }
  /// What a training on them minimises.
  var objective: any Objective { get }
  /// What checkpoints keep of it.
  var metadata: Metadata { get }
  /// "train", "test" and others.
  var splitNames: [String] { get }
  /// Reads a split whole; throws `InputError` for one that is not there.
  func split(_ name: String) throws -> any DigestedDataset
  /// The split as a training wants it, or an evaluation of what it trained.
  func split(_ name: String, _ configuration: Configuration, isTraining: Bool) throws -> any DigestedDataset
  /// Whether samples stand by themselves, so that some can be held back.
  var isDivisible: Bool { get }
  /// Whether the split says what a model should answer; it can be predicted in any case.
  func isLabelled(_ split: String) -> Bool
  /// What names the samples of a split, where something does.
  func names(_ split: String) throws -> [String]?
  /// The class of each sample of a split; nil where there are no classes, or nobody knows them.
  func labels(_ split: String) throws -> [Int32]?
  /// Fills in what only the data can say of a configuration.
  func complete(_ configuration: inout Configuration) throws
}

extension TaskData {
  public func split(_ name: String, _ configuration: Configuration, isTraining: Bool) throws -> any DigestedDataset {
    try split(name)
  }
  public var isDivisible: Bool { true }
  public func isLabelled(_ split: String) -> Bool { true }
  public func names(_ split: String) throws -> [String]? { nil }
  public func labels(_ split: String) throws -> [Int32]? { nil }
  public func complete(_ configuration: inout Configuration) throws {}

  /// The numbers of tokens must mean the same words as in a checkpoint, or else the model's answers mean nothing.
  public func checkVocabularies(_ data: String, against known: Metadata, of checkpoint: String) throws {
    for (name, path) in Metadata.lists where name.hasSuffix("vocabulary") || name == "merges" {
      guard let words = metadata[keyPath: path], let expected = known[keyPath: path] else { continue }
      let pairs = zip(expected.map(Spelling.init), words.map(Spelling.init))
      let differing = pairs.enumerated().first { $1.0 != $1.1 }?.offset
      if differing == nil && expected.count == words.count { continue }
      let place = differing ?? min(expected.count, words.count)
      func word(_ words: [String]) -> String { place < words.count ? "\"\(words[place])\"" : "nothing" }
      throw InputError(
        data,
        "/\(name) is not that of \(checkpoint): expected \(expected.count) tokens, found \(words.count); the first that "
          + "differs is number \(place): expected \(word(expected)), found \(word(words))")
    }
  }
}
