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
    let steps = model.steps(configuration.sizes)
    let tokens = (0..<max(40_000, 2 * steps)).map { Int32(key.bounded(configuration.sizes.vocabulary, draw: $0)) }
    return (
      try TextDataset(tokens, steps: steps, sampling: configuration.sampling ?? .sequential), LanguageModelling()
    )
  }

  public func trial(of network: Module, inputShape: [Int]) throws -> Tensor {
    try LanguageModelling.sequenceModel(network).run(.zeros(Shape(inputShape), .int64), from: nil).logits
  }

  public func pass(of network: Module, _ model: ModelEntry, _ sizes: ModelSizes, samples: Int) throws -> ForwardPass {
    let network = try LanguageModelling.sequenceModel(network)
    let tokens = Tensor.randomTokens([samples, model.steps(sizes)], below: sizes.vocabulary)
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

/// Texts, cut into sequences as the configuration says.
private struct LanguageData: TaskData {
  private let file: TextFile
  private let texts: [String: TextDataset]
  let objective: any Objective

  init(_ path: String, for model: ModelEntry, _ configuration: Configuration) throws {
    let file = try TextFile.open(path)
    let parts = try Self.parts(file, configuration)
    texts = try parts.mapValues { part in
      try TextDataset(
        part, steps: model.steps(configuration.sizes), sampling: configuration.sampling ?? .sequential,
        batchSize: configuration.batchSize, configuration.loading.options)
    }
    (self.file, objective) = (file, LanguageModelling())
  }

  /// By their splits. What is held back of a text is its end: what is read there was not seen before.
  private static func parts(_ file: TextFile, _ configuration: Configuration) throws -> [String: TextPart] {
    let limit = configuration.maxTokens ?? file.trainingTokens ?? 0
    var parts = Dictionary(uniqueKeysWithValues: try file.splitNames.map { ($0, try file.part($0)) })
    let train = try file.part().first(limit == 0 ? nil : limit)
    parts["train"] = train
    guard configuration.validation > 0 else { return parts }
    if parts["validation"] != nil {
      throw ConfigurationError(
        "validation is \(configuration.validation), but \(file.path) has a /validation of its own")
    }
    let held = Int((configuration.validation * Double(train.count)).rounded(.up))
    (parts["train"], parts["validation"]) = train.holdingBack(held)
    return parts
  }

  var sizes: ModelSizes {
    var sizes = ModelSizes()
    sizes.vocabulary = file.vocabulary.count
    return sizes
  }
  var metadata: Metadata {
    var metadata = Metadata()
    (metadata.vocabulary, metadata.token) = (file.vocabulary.tokens, file.kind.rawValue)
    metadata.merges = file.tokenizer.merges
    return metadata
  }
  var splitNames: [String] { ["train", "validation", "test"].filter { texts[$0] != nil } }
  var isDivisible: Bool { false }

  func split(_ name: String) throws -> any DigestedDataset { try text(name) }

  private func text(_ name: String) throws -> TextDataset {
    guard let text = texts[name] else {
      throw InputError(file.path, "has no split \"\(name)\"; it has: \(splitNames.joined(separator: ", "))")
    }
    return text
  }

  /// A model that was trained to carry its state on is evaluated so, too.
  func split(_ name: String, _ configuration: Configuration, isTraining: Bool) throws -> any DigestedDataset {
    let text = try text(name)
    return isTraining || text.sampling == .random ? text : text.inRows(atMost: configuration.batchSize)
  }
}
