import Lockstep
import Zoo

/// A data set opened for a model: what the task makes of the file. One file per task.
protocol Workload: Sendable {
  /// What the data decide about the model.
  var sizes: ModelSizes { get }
  var objective: any Objective { get }
  /// Words that checkpoints keep, such as the names of classes.
  var texts: [String: [String]] { get }
  /// "train", "test" and others.
  var splitNames: [String] { get }
  /// Reads a split whole; throws `InputError` for one that is not there.
  func split(_ name: String) throws -> any DigestedDataset
  /// The split as a training wants it, or an evaluation of what it trained.
  func split(_ name: String, _ configuration: Configuration, isTraining: Bool) throws -> any DigestedDataset
  /// Whether the split says what a model should answer; it can be predicted in any case.
  func isLabelled(_ split: String) -> Bool
}

extension Workload {
  func split(_ name: String, _ configuration: Configuration, isTraining: Bool) throws -> any DigestedDataset {
    try split(name)
  }
  func isLabelled(_ split: String) -> Bool { true }

  /// The numbers of tokens must mean the same words as in a checkpoint, or else the model's answers mean nothing.
  func checkVocabularies(_ data: String, against known: [String: [String]], of checkpoint: String) throws {
    for (name, words) in texts.sorted(by: { $0.key < $1.key }) where name.hasSuffix("vocabulary") {
      guard let expected = known[name], expected != words else { continue }
      let place = zip(expected, words).enumerated().first { $1.0 != $1.1 }?.offset ?? min(expected.count, words.count)
      func word(_ words: [String]) -> String { place < words.count ? "\"\(words[place])\"" : "nothing" }
      throw InputError(
        data,
        "/\(name) is not that of \(checkpoint): expected \(expected.count) tokens, found \(words.count); the first that "
          + "differs is number \(place): expected \(word(expected)), found \(word(words))")
    }
  }
}

extension ZooModel {
  /// Opens the data set at `path` and checks that it fits this model, before anything is computed.
  func open(_ path: String, _ configuration: Configuration? = nil) throws -> any Workload {
    switch task {
    case .classification: try ClassificationWorkload(path, for: self)
    case .regression: try RegressionWorkload(path, for: self)
    case .language: try LanguageWorkload(path, for: self, configuration ?? self.configuration)
    case .translation: try TranslationWorkload(path)
    }
  }

  /// Random data in memory that fit the model, for benchmarks.
  func synthetic(_ configuration: Configuration) throws -> (dataset: any Dataset, objective: any Objective) {
    switch task {
    case .classification: (SyntheticImages(self, configuration.batchSize), Classification())
    case .regression:
      (try SyntheticRows(self, configuration.batchSize), Regression(isLogarithmic: recipe.isLogarithmic))
    case .language: try SyntheticText(self).workload
    case .translation: try SyntheticPairs(self).workload
    }
  }

  /// The name of its outputs in a file of predictions.
  var outputName: String { task == .regression ? "predictions" : "logits" }
}
