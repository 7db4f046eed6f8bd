import Datasets
import Networks
import Training

/// Every model of the book, one entry each, with the book's recipe.
public enum Zoo {
  /// In the order of the book's chapters.
  public static let models: [ModelEntry] = [
    flat("softmax-regression", .recipe(learningRate: 0.1)) {
      softmaxRegression(inputs: $0.inputCount(or: 784 * $0.channels), classes: $0.classes)
    },
    flat("mlp", hidden: [256], .recipe(learningRate: 0.1)) {
      perceptron(inputs: $0.inputCount(or: 784 * $0.channels), classes: $0.classes, hidden: $0.hidden ?? [256])
    },
    flat("mlp-dropout", .recipe(learningRate: 0.5)) {
      perceptronWithDropout(inputs: $0.inputCount(or: 784 * $0.channels), classes: $0.classes)
    },
    ModelEntry(
      "linear-regression", .regression, inputShape: [2],
      recipe: .recipe(epochs: 3, batchSize: 10, learningRate: 0.03)
    ) { linearRegression(features: $0.features, outputs: $0.outputs) },
    ModelEntry(
      "house-prices", .logarithmicRegression, inputShape: [331],
      recipe: .recipe(epochs: 100, batchSize: 64, learningRate: 5, optimizer: .adam)
    ) { housePrices(features: $0.features) },
    ModelEntry(
      "house-prices-mlp", .logarithmicRegression, inputShape: [331],
      recipe: .recipe(epochs: 300, batchSize: 50, learningRate: 0.01, optimizer: .adam, weightDecay: 0.5)
    ) { housePricesPerceptron(features: $0.features) },
    image("lenet", .recipe(learningRate: 0.9, sliceSize: 32)) { leNet(classes: $0.classes, channels: $0.channels) },
    image("lenet-bn", .recipe(learningRate: 1)) { leNetWithBatchNorm(classes: $0.classes, channels: $0.channels) },
    image("alexnet", side: 224, .recipe(batchSize: 128, learningRate: 0.01)) {
      alexNet(classes: $0.classes, channels: $0.channels)
    },
    image("vgg11", side: 224, sizes: .width(1), .recipe(batchSize: 128, learningRate: 0.05)) {
      vgg11(classes: $0.classes, channels: $0.channels, width: $0.width ?? 1)
    },
    image("nin", side: 224, .recipe(batchSize: 128, learningRate: 0.1)) {
      nin(classes: $0.classes, channels: $0.channels)
    },
    image("googlenet", side: 96, .recipe(batchSize: 128, learningRate: 0.1)) {
      googLeNet(classes: $0.classes, channels: $0.channels)
    },
    image("resnet18", side: 96, .recipe(batchSize: 256, learningRate: 0.05)) {
      resNet18(classes: $0.classes, channels: $0.channels)
    },
    image("densenet", side: 96, .recipe(batchSize: 256, learningRate: 0.1)) {
      denseNet(classes: $0.classes, channels: $0.channels)
    },
    ModelEntry(
      "sine-mlp", .regression, inputShape: [4],
      recipe: .recipe(epochs: 5, batchSize: 16, learningRate: 0.01, optimizer: .adam)
    ) { sinePerceptron(features: $0.features) },
    text("rnn") { characterModel(.elman, $0) },
    text("gru") { characterModel(.gru, $0) },
    text("lstm") { characterModel(.lstm, $0) },
    // Two layers learn at twice the rate.
    text("deep-lstm", learningRate: 2) { characterModel(.lstm, $0, layers: 2) },
    text("bidirectional-lstm") { characterModel(.lstm, $0, layers: 2, isBidirectional: true) },
    gptEntry,
    pairs("seq2seq") { seq2Seq($0) },
    pairs("seq2seq-attention") { seq2SeqWithAttention($0) },
    pairs("transformer", sizes: .transformer(width: 32, heads: 4, hidden: 64), epochs: 200) { transformer($0) },
    image("vit", side: 96, sizes: .vision(side: 96, patch: 16), .recipe(batchSize: 128, learningRate: 0.1)) {
      visionTransformer($0)
    },
  ]

  /// The model of a name that `models` lists; nil for any other.
  public static func model(_ name: String) -> ModelEntry? { models.first { $0.name == name } }

  /// Images of Fashion-MNIST, as they are or resized.
  private static func image(
    _ name: String, side: Int? = nil, sizes: ModelSizes = ModelSizes(), _ recipe: Configuration,
    _ make: @escaping @Sendable (ModelSizes) -> Module
  ) -> ModelEntry {
    ModelEntry(
      name, .classification, inputShape: [1, side ?? 28, side ?? 28], resizes: side != nil, sizes: sizes,
      recipe: recipe,
      make: make)
  }

  /// Images of Fashion-MNIST, rows of a table, or samples of any other shape.
  private static func flat(
    _ name: String, hidden: [Int]? = nil, _ recipe: Configuration, _ make: @escaping @Sendable (ModelSizes) -> Module
  ) -> ModelEntry {
    var sizes = ModelSizes()
    sizes.hidden = hidden
    return ModelEntry(
      name, .classification, inputShape: [1, 28, 28], flattens: true, sizes: sizes, recipe: recipe, make: make)
  }

  /// The book's chapters on recurrent networks: 32 sequences of 35 characters that go on from step to step.
  private static func text(
    _ name: String, learningRate: Double = 1, _ make: @escaping @Sendable (ModelSizes) -> Module
  ) -> ModelEntry {
    let recipe = Configuration.recipe(
      epochs: 500, batchSize: 32, learningRate: learningRate, clipNorm: 1, sampling: .sequential)
    return ModelEntry(name, .language, inputShape: [35], recipe: recipe, make: make)
  }

  /// nanoGPT on characters, as its recipe for processors trains it: about ten epochs of a short novel.
  private static var gptEntry: ModelEntry {
    var sizes = ModelSizes()
    (sizes.layers, sizes.heads, sizes.width, sizes.context, sizes.dropout) = (4, 4, 128, 64, 0)
    var recipe = Configuration.recipe(
      epochs: 10, batchSize: 12, learningRate: 0.001, optimizer: .adamw, weightDecay: 0.1, clipNorm: 1,
      sampling: .random)
    recipe.maxTokens = 0
    (recipe.beta2, recipe.weightDecayOn) = (0.99, .matrices)
    (recipe.schedule, recipe.scheduleEnd, recipe.warmup, recipe.warmupStart) = (.cosine, 0.1, 100, 0.01)
    return ModelEntry("gpt", .language, inputShape: [64], sizes: sizes, recipe: recipe) { gpt($0) }
  }

  /// The book's chapters on sequence to sequence learning: epochs over the first 600 pairs of English and French.
  private static func pairs(
    _ name: String, sizes: ModelSizes = ModelSizes(), epochs: Int = 300,
    _ make: @escaping @Sendable (ModelSizes) -> Module
  ) -> ModelEntry {
    var sizes = sizes
    (sizes.vocabulary, sizes.targetVocabulary) = (188, 201)
    let recipe = Configuration.recipe(
      epochs: epochs, batchSize: 64, learningRate: 0.005, optimizer: .adam, clipNorm: 1)
    return ModelEntry(name, .translation, inputShape: [10], sizes: sizes, recipe: recipe, make: make)
  }
}

extension ModelSizes {
  /// As the book has it, of a network that comes in several widths.
  fileprivate static func width(_ width: Int) -> ModelSizes {
    var sizes = ModelSizes()
    sizes.width = width
    return sizes
  }

  /// The book's two blocks, with dropout of a tenth.
  fileprivate static func transformer(width: Int, heads: Int, hidden: Int) -> ModelSizes {
    var sizes = ModelSizes()
    (sizes.width, sizes.heads, sizes.hidden, sizes.layers, sizes.dropout) = (width, heads, [hidden], 2, 0.1)
    return sizes
  }

  /// The book's, which takes images in squares.
  fileprivate static func vision(side: Int, patch: Int) -> ModelSizes {
    var sizes = transformer(width: 512, heads: 8, hidden: 2048)
    (sizes.side, sizes.patch) = (side, patch)
    return sizes
  }
}
