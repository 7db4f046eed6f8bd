import Datasets
import Networks

/// A model under the name that the command line uses, with all that commands need to know of it:
/// ```swift
/// ModelEntry("wine", .regression, inputShape: [11], recipe: .recipe(epochs: 20, learningRate: 0.01)) {
///   Sequential(Linear($0.features, 32), ReLU(), Linear(32, 1))
/// }
/// ```
public struct ModelEntry: Sendable {
  /// As the command line has it.
  public let name: String
  /// Which datasets it takes, how it is judged, and what its outputs are.
  public let task: any LearningTask
  /// How it is trained unless told otherwise.
  public let recipe: Configuration
  /// Of one sample as the network takes it: `[channels, height, width]` of an image, `[features]` of a table's row,
  /// `[steps]` of a text.
  public let inputShape: [Int]
  /// Whether images of another size are resized to `inputShape` when loaded; else they must have it.
  public let resizes: Bool
  /// Whether it takes samples of any shape and lays them flat, as `ModelSizes.inputs` says.
  public let flattens: Bool
  /// Those of the data that it was made for.
  public let sizes: ModelSizes
  /// Builds a new network for data of such sizes; its weights are drawn later, by the trainer.
  public let make: @Sendable (_ sizes: ModelSizes) -> Module

  /// - Parameters:
  ///   - name: what `train` and the other commands call it.
  ///   - task: what it learns: `.classification`, `.regression`, `.language`, `.translation` or one of one's own.
  ///   - inputShape: of one sample, without the batch.
  ///   - resizes: whether images of another size are resized; else they are an error.
  ///   - flattens: whether samples may have any shape; `make` then asks the sizes for `inputCount(or:)`.
  ///   - sizes: by default those that the shape of an input tells.
  ///   - recipe: how it is trained unless told otherwise.
  ///   - make: builds the network for data of such sizes.
  public init(
    _ name: String, _ task: some LearningTask, inputShape: [Int], resizes: Bool = false, flattens: Bool = false,
    sizes: ModelSizes? = nil, recipe: Configuration = .recipe(),
    make: @escaping @Sendable (_ sizes: ModelSizes) -> Module
  ) {
    (self.name, self.task, self.inputShape) = (name, task, inputShape)
    (self.resizes, self.flattens) = (resizes, flattens)
    (self.sizes, self.make) = (sizes ?? task.sizes(of: inputShape), make)
    var recipe = recipe
    (recipe.model, recipe.sizes) = (name, self.sizes)
    self.recipe = recipe
  }

  /// Of one sample, for a network of such sizes.
  public func shape(of sizes: ModelSizes) -> [Int] {
    if let inputs = sizes.inputs { return inputs }
    if inputShape.count == 3 { return [sizes.channels] + inputShape(sizes).dropFirst() }
    return inputShape.count == 1 && sizes.features > 1 ? [sizes.features] : inputShape
  }

  /// Of one sample for a network of such sizes: a text is as long as its context, an image has the side that was chosen.
  public func inputShape(_ sizes: ModelSizes) -> [Int] {
    if let context = sizes.context { return [context] }
    if let side = sizes.side, inputShape.count == 3 { return [inputShape[0], side, side] }
    return inputShape
  }
  /// Tokens of a sequence, of models of texts.
  func steps(_ sizes: ModelSizes) -> Int { inputShape(sizes).first ?? 1 }

  /// Opens the dataset at `path` and checks that it fits this model.
  public func open(_ path: String, _ configuration: Configuration? = nil) throws -> any TaskData {
    try task.open(path, for: self, configuration ?? recipe)
  }
}

extension Configuration {
  /// How a model is trained unless told otherwise; what is left out is at its default.
  public static func recipe(
    epochs: Int = 10, batchSize: Int = 256, learningRate: Double = 0.1, optimizer: OptimizerName = .sgd,
    weightDecay: Double = 0, clipNorm: Double? = nil, sampling: SequenceSampling? = nil, sliceSize: Int = .max
  ) -> Configuration {
    var result = Configuration(
      model: "", epochs: epochs, batchSize: batchSize, learningRate: learningRate, optimizer: optimizer,
      weightDecay: weightDecay, clipNorm: clipNorm, sliceSize: sliceSize)
    result.sampling = sampling
    return result
  }
}

/// Models by their names.
public struct Registry: Sendable {
  /// In the order in which lists show them.
  public let models: [ModelEntry]

  /// - Throws: `ConfigurationError` for no models at all, or two of one name.
  public init(_ models: [ModelEntry]) throws {
    if models.isEmpty { throw ConfigurationError("this tool has no models: its `models` are empty") }
    let names = Dictionary(grouping: models, by: \.name)
    if let twice = models.first(where: { names[$0.name, default: []].count > 1 }) {
      throw ConfigurationError("this tool has two models of the name '\(twice.name)'")
    }
    self.models = models
  }

  /// nil for a name that none has; `find` says which is nearest instead.
  public subscript(name: String) -> ModelEntry? { models.first { $0.name == name } }

  /// The model of that name, or an error with the nearest one.
  public func find(_ name: String) throws -> ModelEntry {
    guard let model = self[name] else {
      throw ConfigurationError(
        "There is no model '\(name)'. Did you mean '\(Self.nearest(to: name, in: models.map(\.name)))'?")
    }
    return model
  }

  /// The name that is closest to a misspelt one.
  public static func nearest(to name: String, in names: [String]) -> String {
    names.min { distance($0, name) < distance($1, name) } ?? ""
  }

  /// How many letters must be changed, added or left out (Levenshtein).
  static func distance(_ first: String, _ second: String) -> Int {
    let (a, b) = (Array(first.lowercased()), Array(second.lowercased()))
    var row = Array(0...b.count)
    for i in a.indices {
      var diagonal = row[0]
      row[0] = i + 1
      for j in b.indices {
        let substitution = diagonal + (a[i] == b[j] ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(substitution, row[j] + 1, row[j + 1] + 1)
      }
    }
    return row[b.count]
  }
}
