import Checkpoints
import Datasets
import Networks
import Tensors

/// Sentences and their translations.
public struct TranslationTask: LearningTask {
  /// Shorter: `.translation`.
  public init() {}

  public var name: String { PairsFile.task }
  public var insteadOfPredicting: String { "translate does that" }

  public func open(_ path: String, for model: ModelEntry, _ configuration: Configuration) throws -> any TaskData {
    try TranslationData(path)
  }

  /// Random sentences.
  public func synthetic(
    for model: ModelEntry, _ configuration: Configuration
  ) throws -> (dataset: any Dataset, objective: any Objective) {
    let key = RandomKey(seed: 0, .synthesis)
    let (count, steps, first) = (600, max(model.inputShape.first ?? 3, 3), 1 + Vocabulary.ofSentences.count)
    func tokens(_ vocabulary: Int, _ draw: Int) -> [Int32] {
      (0..<count * steps).map { Int32(first + key.bounded(max(vocabulary - first, 1), draw: draw + $0)) }
    }
    func lengths(_ draw: Int) -> [Int32] { (0..<count).map { Int32(3 + key.bounded(steps - 2, draw: draw + $0)) } }
    let room = count * steps
    let pairs = try PairsDataset(
      source: tokens(model.sizes.vocabulary, 0), sourceLengths: lengths(2 * room),
      target: tokens(model.sizes.targetVocabulary, room), targetLengths: lengths(3 * room), steps: steps)
    return (pairs, Translation(begin: Vocabulary.ofSentences.count - 1, steps: steps))
  }

  public func trial(of network: Module, inputShape: [Int]) throws -> Tensor {
    let tokens = Tensor.zeros(Shape(inputShape), .int64)
    return try Translation.encoderDecoder(network).logits(source: tokens, lengths: nil, inputs: tokens)
  }
}

extension TranslationTask {
  /// The words of a sentence, how many of them count, and the translation's words so far, of which each next one is predicted.
  public func pass(of network: Module, _ model: ModelEntry, _ sizes: ModelSizes, samples: Int) throws -> ForwardPass {
    let network = try Translation.encoderDecoder(network)
    let steps = model.inputShape.first ?? 1
    let source = Tensor.randomTokens([samples, steps], below: sizes.vocabulary)
    let lengths = Tensor.randomTokens([samples], below: steps + 1, from: 1)
    let target = Tensor.randomTokens([samples, steps], below: sizes.targetVocabulary)
    return ForwardPass([("source", source), ("source_lengths", lengths), ("target", target)], to: "logits") {
      network.logits(source: source, lengths: lengths, inputs: target)
    }
  }
}

extension LearningTask where Self == TranslationTask {
  /// Sentences and their translations.
  public static var translation: TranslationTask { TranslationTask() }
}

private struct TranslationData: TaskData {
  private let file: PairsFile
  let objective: any Objective

  init(_ path: String) throws {
    file = try PairsFile.open(path)
    objective = Translation(begin: file.targetVocabulary[Vocabulary.begin], steps: file.steps)
  }

  var sizes: ModelSizes {
    var sizes = ModelSizes()
    (sizes.vocabulary, sizes.targetVocabulary) = (file.sourceVocabulary.count, file.targetVocabulary.count)
    return sizes
  }
  var metadata: Metadata {
    var metadata = Metadata()
    metadata.sourceVocabulary = file.sourceVocabulary.tokens
    metadata.targetVocabulary = file.targetVocabulary.tokens
    metadata.steps = file.steps
    return metadata
  }
  var splitNames: [String] { ["train"] }

  func split(_ name: String) throws -> any DigestedDataset {
    guard name == "train" else { throw InputError(file.path, "has no split \"\(name)\"; it has: train") }
    return file.dataset()
  }
}
