import Lockstep
import Zoo

/// A text, cut into sequences as the configuration says.
struct LanguageWorkload: Workload {
  private let file: TextFile
  private let dataset: TextDataset
  let objective: any Objective

  init(_ path: String, for model: ZooModel, _ configuration: Configuration) throws {
    file = try TextFile.open(path)
    let limit = configuration.maxTokens ?? file.trainingTokens ?? 0
    dataset = try TextDataset(
      file, steps: model.inputShape[0], sampling: configuration.sampling ?? .sequential,
      limit: limit == 0 ? nil : limit)
    objective = LanguageModelling()
  }

  var sizes: ModelSizes {
    var sizes = ModelSizes()
    sizes.vocabulary = file.vocabulary.count
    return sizes
  }
  var texts: [String: [String]] { ["vocabulary": file.vocabulary.tokens, "token": [file.kind.rawValue]] }
  var splitNames: [String] { ["train"] }

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

/// Random tokens in memory, for benchmarks.
struct SyntheticText {
  let workload: (dataset: any Dataset, objective: any Objective)

  init(_ model: ZooModel) throws {
    let key = RandomKey(seed: 0, .synthesis)
    let tokens = (0..<40_000).map { Int32(key.bounded(model.sizes.vocabulary, draw: $0)) }
    let data = try TextDataset(tokens, steps: model.inputShape[0], sampling: .sequential)
    workload = (data, LanguageModelling())
  }
}
