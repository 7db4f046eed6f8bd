/// A chapter of the book as a short program, its from-scratch code next to the library's.
public struct Chapter: Sendable {
  /// As `lockstep book` calls it.
  public let name: String
  /// What it is about, a line.
  public let title: String
  let run: @Sendable (Page) throws -> Void

  init(_ name: String, _ title: String, _ run: @escaping @Sendable (Page) throws -> Void) {
    (self.name, self.title, self.run) = (name, title, run)
  }

  /// Of a chapter about data, without which it has nothing to show.
  init<Material>(
    _ name: String, _ title: String, reading material: @escaping @Sendable (Page) throws -> Material,
    _ run: @escaping @Sendable (Page, Material) throws -> Void
  ) {
    self.init(name, title) { page in try run(page, material(page)) }
  }

  /// Runs the chapter; what is off is told on the page.
  public func run(on page: Page) throws {
    try run(page)
    try page.finish()
  }
}

/// Every chapter, one line each, in the book's order.
public enum Book {
  /// All that there are.
  public static let chapters: [Chapter] = [
    Chapter("preprocessing", "A table with missing values becomes tensors", preprocessingChapter),
    Chapter("linear-algebra", "Sums, products and norms", linearAlgebraChapter),
    Chapter("calculus", "Derivatives from differences", calculusChapter),
    Chapter("autograd", "Automatic differentiation", autogradChapter),
    Chapter("probability", "Throwing dice", probabilityChapter),
    Chapter("normal", "The normal distribution", normalChapter),
    Chapter("linear-regression", "Linear regression from scratch and concise", linearRegressionChapter),
    Chapter(
      "softmax-regression", "Softmax regression from scratch and concise", reading: FashionMNIST.init,
      softmaxRegressionChapter),
    Chapter(
      "perceptron", "Activations; a multilayer perceptron from scratch and concise", reading: FashionMNIST.init,
      perceptronChapter),
    Chapter("model-selection", "Polynomials that fit, underfit and overfit", modelSelectionChapter),
    Chapter("weight-decay", "Weight decay in 200 dimensions", weightDecayChapter),
    Chapter("dropout", "Dropout from scratch and as a layer", reading: FashionMNIST.init, dropoutChapter),
    Chapter("initialization", "Gradients that vanish or explode, Xavier's remedy", initializationChapter),
    Chapter("house-prices", "The Kaggle competition: features, folds, a submission", housePricesChapter),
    Chapter("modules", "Blocks, parameters, sharing, layers of one's own", modulesChapter),
    Chapter("files", "Tensors and parameters in files", filesChapter),
    Chapter("devices", "CPU and GPUs", devicesChapter),
    Chapter("convolution", "Convolutions: cross-correlation, an edge detector that is learnt", convolutionChapter),
    Chapter("padding", "Padding and stride", paddingChapter),
    Chapter("channels", "Several channels in and out, 1×1 convolutions", channelsChapter),
    Chapter("pooling", "Pooling", poolingChapter),
    Chapter("modern-networks", "AlexNet, VGG, NiN and GoogLeNet, layer by layer", modernNetworksChapter),
    Chapter("batch-normalization", "Batch normalisation, from scratch and concise", batchNormalizationChapter),
    Chapter("residual", "Residual blocks and ResNet", residualChapter),
    Chapter("densenet", "Blocks that read all that came before", denseNetChapter),
    Chapter(
      "image-augmentation", "Images changed at random: crops, flips, turns, colours, cut-out, mixup",
      reading: FashionMNIST.init, imageAugmentationChapter),
    Chapter(
      "fine-tuning", "What was learnt of many images, for few of other classes", reading: FashionMNIST.init,
      fineTuningChapter),
    Chapter("sequence-models", "A noisy sine, one step ahead and many", sequenceModelsChapter),
    Chapter(
      "text-preprocessing", "A text as lines, tokens and numbers", reading: TimeMachine.init, textPreprocessingChapter),
    Chapter(
      "language-models", "How often words come; sequences of a text", reading: TimeMachine.init, languageModelsChapter),
    Chapter("rnn-scratch", "A recurrent network from scratch", reading: Characters.init, recurrentScratchChapter),
    Chapter("rnn", "A recurrent network, concise", reading: Characters.init, recurrentChapter),
    Chapter("gru", "Gated recurrent units from scratch and concise", reading: Characters.init, gatedRecurrentChapter),
    Chapter(
      "lstm", "Long short-term memory from scratch and concise", reading: Characters.init, longShortTermMemoryChapter),
    Chapter("deep-rnn", "Two layers of long short-term memory", reading: Characters.init, deepRecurrentChapter),
    Chapter(
      "bidirectional", "Why a network that sees the future is no language model", reading: Characters.init,
      bidirectionalChapter),
    Chapter(
      "translation-data", "Sentences and their translations as numbers", reading: SentencePairs.init,
      translationDataChapter),
    Chapter(
      "seq2seq", "An encoder and a decoder learn to translate", reading: BookPairs.init, sequenceToSequenceChapter),
    Chapter("beam-search", "Greedy, exhaustive and beam search", beamSearchChapter),
    Chapter(
      "attention-pooling", "Attention as a weighted mean: Nadaraya-Watson, fixed and learnt", attentionPoolingChapter),
    Chapter("attention-scoring", "Masked softmax, additive and dot-product attention", attentionScoringChapter),
    Chapter(
      "bahdanau", "A decoder that attends to the sentence it translates", reading: BookPairs.init, bahdanauChapter),
    Chapter("multi-head-attention", "Several attentions side by side", multiHeadAttentionChapter),
    Chapter("positions", "Self-attention does not know where a step is: sines and cosines", positionsChapter),
    Chapter("transformer", "A Transformer learns to translate", reading: BookPairs.init, transformerChapter),
    Chapter(
      "vision-transformer", "An image as a sequence of patches", reading: FashionMNIST.init, visionTransformerChapter),
    Chapter(
      "byte-pairs", "Subwords: what stands together most often is merged", reading: TimeMachine.init,
      bytePairEncodingChapter),
    Chapter(
      "optimization", "Gradient descent, momentum, Adagrad, RMSProp, Adadelta, Adam; learning rates over a training",
      optimizationChapter),
  ]

  /// The chapter of that name, nil for no such one.
  public static func chapter(_ name: String) -> Chapter? { chapters.first { $0.name == name } }
}
