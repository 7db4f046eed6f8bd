import Networks

/// What a model learns, and so which kind of data set it takes: the attribute `task` of the HDF5 file.
public enum Task: String, Sendable {
  /// One of several classes for each image or row.
  case classification
  /// A number for each row.
  case regression
  /// The next token of a text.
  case language
  /// A sentence for a sentence.
  case translation
}

/// A model of the book under the name that the command line uses.
public struct ZooModel: Sendable {
  /// What commands call it.
  public let name: String
  /// What it learns.
  public let task: Task
  /// How the book trains it.
  public let recipe: Recipe
  /// Of one sample as the network takes it: `[channels, height, width]` of an image, `[features]` of a table's row,
  /// `[steps]` of a text.
  public let inputShape: [Int]
  /// Whether images of another size are resized to `inputShape` when loaded, as the recipe says; else they must have it.
  public let resizes: Bool
  /// The sizes of the book's data.
  public let sizes: ModelSizes
  /// Makes the model for what the data decided.
  public let make: @Sendable (_ sizes: ModelSizes) -> Module

  init(
    _ name: String, _ recipe: Recipe, task: Task = .classification, inputShape: [Int] = [1, 28, 28],
    resizes: Bool = false, sizes: ModelSizes = ModelSizes(), make: @escaping @Sendable (_ sizes: ModelSizes) -> Module
  ) {
    (self.name, self.task, self.recipe, self.inputShape) = (name, task, recipe, inputShape)
    (self.resizes, self.sizes, self.make) = (resizes, sizes, make)
  }
}

/// Every model, one line each.
public enum Zoo {
  /// All of them, in the book's order.
  public static let models: [ZooModel] = [
    ZooModel("softmax-regression", Recipe(learningRate: 0.1)) {
      softmaxRegression(inputs: 784 * $0.channels, classes: $0.classes)
    },
    ZooModel("mlp", Recipe(learningRate: 0.1)) { perceptron(inputs: 784 * $0.channels, classes: $0.classes) },
    ZooModel("mlp-dropout", Recipe(learningRate: 0.5)) {
      perceptronWithDropout(inputs: 784 * $0.channels, classes: $0.classes)
    },
    ZooModel(
      "linear-regression", Recipe(epochs: 3, batchSize: 10, learningRate: 0.03), task: .regression, inputShape: [2],
      sizes: .features(2)
    ) { linearRegression(features: $0.features) },
    ZooModel(
      "house-prices", Recipe(epochs: 100, batchSize: 64, learningRate: 5, optimizer: "adam", isLogarithmic: true),
      task: .regression, inputShape: [331], sizes: .features(331)
    ) { housePrices(features: $0.features) },
    ZooModel(
      "house-prices-mlp",
      Recipe(
        epochs: 300, batchSize: 50, learningRate: 0.01, optimizer: "adam", weightDecay: 0.5, isLogarithmic: true),
      task: .regression, inputShape: [331], sizes: .features(331)
    ) { housePricesPerceptron(features: $0.features) },
    ZooModel("lenet", Recipe(learningRate: 0.9, sliceSize: 32)) { leNet(classes: $0.classes, channels: $0.channels) },
    ZooModel("lenet-bn", Recipe(learningRate: 1)) { leNetWithBatchNorm(classes: $0.classes, channels: $0.channels) },
    ZooModel("alexnet", Recipe(batchSize: 128, learningRate: 0.01), inputShape: [1, 224, 224], resizes: true) {
      alexNet(classes: $0.classes, channels: $0.channels)
    },
    ZooModel("vgg11", Recipe(batchSize: 128, learningRate: 0.05), inputShape: [1, 224, 224], resizes: true) {
      vgg11(classes: $0.classes, channels: $0.channels, width: $0.width)
    },
    ZooModel("nin", Recipe(batchSize: 128, learningRate: 0.1), inputShape: [1, 224, 224], resizes: true) {
      nin(classes: $0.classes, channels: $0.channels)
    },
    ZooModel("googlenet", Recipe(batchSize: 128, learningRate: 0.1), inputShape: [1, 96, 96], resizes: true) {
      googLeNet(classes: $0.classes, channels: $0.channels)
    },
    ZooModel("resnet18", Recipe(batchSize: 256, learningRate: 0.05), inputShape: [1, 96, 96], resizes: true) {
      resNet18(classes: $0.classes, channels: $0.channels)
    },
    ZooModel(
      "sine-mlp", Recipe(epochs: 5, batchSize: 16, learningRate: 0.01, optimizer: "adam"), task: .regression,
      inputShape: [4], sizes: .features(4)
    ) { sinePerceptron(features: $0.features) },
    ZooModel("rnn", .language, task: .language, inputShape: [35]) { characterModel(.elman, $0) },
    ZooModel("gru", .language, task: .language, inputShape: [35]) { characterModel(.gru, $0) },
    ZooModel("lstm", .language, task: .language, inputShape: [35]) { characterModel(.lstm, $0) },
    ZooModel("deep-lstm", .deepLanguage, task: .language, inputShape: [35]) { characterModel(.lstm, $0, layers: 2) },
    ZooModel("bidirectional-lstm", .language, task: .language, inputShape: [35]) {
      characterModel(.lstm, $0, layers: 2, isBidirectional: true)
    },
    ZooModel("seq2seq", .translation, task: .translation, inputShape: [10], sizes: .bookPairs) { seq2Seq($0) },
    ZooModel("seq2seq-attention", .translation, task: .translation, inputShape: [10], sizes: .bookPairs) {
      seq2SeqWithAttention($0)
    },
  ]

  /// The model of that name; nil where there is none.
  public static func model(_ name: String) -> ZooModel? { models.first { $0.name == name } }

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
