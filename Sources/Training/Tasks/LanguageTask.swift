import Checkpoints
import Datasets
import Networks
import Tensors

/// A text, of which each next token is to be predicted.
public struct LanguageTask: LearningTask {
  /// Shorter: `.language`.
  public init() {}

  public var name: String { TextFile.task }
  public var settings: [any Settings.Type] { [SequenceSettings.self] }
  public var insteadOfPredicting: String { "generate continues a text" }

  public func open(_ path: String, for model: ModelEntry, _ configuration: Configuration) throws -> any TaskData {
    try LanguageData(path, for: model, configuration)
  }

  /// Random tokens.
  public func synthetic(
    for model: ModelEntry, _ configuration: Configuration
  ) throws -> (dataset: any Dataset, objective: any Objective) {
    let key = RandomKey(seed: 0, .synthesis)
    let tokens = (0..<40_000).map { Int32(key.bounded(model.sizes.vocabulary, draw: $0)) }
    return (
      try TextDataset(tokens, steps: model.inputShape.first ?? 1, sampling: .sequential), LanguageModelling()
    )
  }

  public func trial(of network: Module, inputShape: [Int]) throws -> Tensor {
    try LanguageModelling.sequenceModel(network).run(.zeros(Shape(inputShape), .int64), from: nil).logits
  }

  public func pass(of network: Module, _ model: ModelEntry, _ sizes: ModelSizes, samples: Int) throws -> ForwardPass {
    let network = try LanguageModelling.sequenceModel(network)
    let tokens = Tensor.randomTokens([samples] + model.inputShape, below: sizes.vocabulary)
    return ForwardPass([("tokens", tokens)], to: "logits") { network.run(tokens, from: nil).logits }
  }
}

extension LearningTask where Self == LanguageTask {
  /// A text, of which each next token is to be predicted.
  public static var language: LanguageTask { LanguageTask() }
}

extension Tensor {
  /// Other ones for each shape.
  static func randomTokens(_ extents: [Int], below count: Int, from first: Int = 0) -> Tensor {
    let shape = Shape(extents)
    let key = RandomKey(seed: UInt64(shape.elementCount), .synthesis)
    let room = Swift.max(count - first, 1)
    return Tensor((0..<shape.elementCount).map { Int64(first + key.bounded(room, draw: $0)) }, shape: shape)
  }
}

/// A text, cut into sequences as the configuration says.
private struct LanguageData: TaskData {
  private let file: TextFile
  private let dataset: TextDataset
  let objective: any Objective

  init(_ path: String, for model: ModelEntry, _ configuration: Configuration) throws {
    file = try TextFile.open(path)
    let limit = configuration.maxTokens ?? file.trainingTokens ?? 0
    dataset = try TextDataset(
      file, steps: model.inputShape.first ?? 1, sampling: configuration.sampling ?? .sequential,
      limit: limit == 0 ? nil : limit, batchSize: configuration.batchSize, configuration.loading.options)
    objective = LanguageModelling()
  }

  var sizes: ModelSizes {
    var sizes = ModelSizes()
    sizes.vocabulary = file.vocabulary.count
    return sizes
  }
  var metadata: Metadata {
    var metadata = Metadata()
    (metadata.vocabulary, metadata.token) = (file.vocabulary.tokens, file.kind.rawValue)
    return metadata
  }
  var splitNames: [String] { ["train"] }
  var isDivisible: Bool { false }

  func split(_ name: String) throws -> any DigestedDataset {
    guard name == "train" else { throw InputError(file.path, "has no split \"\(name)\"; it has: train") }
    return dataset
  }

  /// A model that was trained to carry its state on is evaluated so, too.
  func split(_ name: String, _ configuration: Configuration, isTraining: Bool) throws -> any DigestedDataset {
    let whole = try split(name)
    return isTraining || dataset.sampling == .random ? whole : dataset.inRows(atMost: configuration.batchSize)
  }
}
