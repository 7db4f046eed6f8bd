import Datasets
import Tensors

/// Which samples of a file are trained on, which the model is judged by, and how much they count.
public struct SplitSettings: Settings {
  /// How much classes count against each other.
  public enum ClassWeights: String, SettingName {
    /// As often as they occur.
    case none
    /// All alike: `n / (k · count)` for each sample of a class.
    case balanced
  }

  /// Drawn by the seed alone, so that a training that goes on holds back the same samples.
  @Setting(
    "Holds back this share of /train, drawn by the seed, and judges the model by it after each epoch: valid_loss ….",
    .within(0..<1), staysInEpoch: true)
  public var validation = 0.0
  /// Whether each class gives the same share.
  @Setting("Draws --validation from each class alike.", staysInEpoch: true) public var stratify = false
  /// Before any are held back; nil for all.
  @Setting("Trains on the first so many samples of /train.", .from(1), staysInEpoch: true)
  public var trainFirst: Int? = nil
  /// nil for all.
  @Setting("Takes the first so many samples of every split.", .from(1), staysInEpoch: true) public var limit: Int? = nil
  /// In training alone; losses of other splits stay unweighted.
  @Setting(
    "How much classes count in the loss: none, or balanced, so that rare ones count as much as frequent ones.",
    staysInEpoch: true)
  public var classWeights = ClassWeights.none

  public init() {}

  /// Whether there is nothing that can't be done with a text.
  var isForTexts: Bool {
    var others = self
    others.validation = 0
    return others == SplitSettings()
  }
}

/// The samples of a training.
public struct Splits {
  /// What is learnt from.
  public var train: any DigestedDataset
  /// Samples of the same split that were held back, or a split of their own; nil where there are none.
  public let validation: (any DigestedDataset)?
  /// A split of its own; nil where the file has none with answers.
  public let test: (any DigestedDataset)?
  /// How much each sample of `train` counts; nil where all count alike.
  public let weights: [Float]?
  /// How samples are blended in training; 0 for not at all.
  private let mixup: Double
  private let seed: UInt64

  /// - Throws: `ConfigurationError` for a split that leaves nothing, or that the data don't allow.
  public init(_ data: any TaskData, _ configuration: Configuration) throws {
    let settings = configuration.splitting
    (mixup, seed) = (configuration.images.augment?.mixup ?? 0, configuration.seed)
    train = try data.split("train", configuration, isTraining: true)
    let isTested = data.splitNames.contains("test") && data.isLabelled("test")
    let test = isTested ? try data.split("test", configuration, isTraining: false) : nil
    // What was held back before, or by the data themselves.
    let isGiven = data.splitNames.contains("validation") && data.isLabelled("validation")
    let given = isGiven ? try data.split("validation", configuration, isTraining: false) : nil
    if settings == SplitSettings() || !data.isDivisible {
      guard settings.isForTexts || data.isDivisible else {
        throw ConfigurationError(
          "train-first, limit, stratify and class-weights are for samples that stand by themselves, not for a text")
      }
      (validation, weights, self.test) = (given, nil, test)
      return
    }
    let count = min(train.count, settings.trainFirst ?? .max, settings.limit ?? .max)
    let classes = settings.stratify || settings.classWeights == .balanced
    let labels = classes ? try data.labels("train") : nil
    if classes && labels == nil {
      throw ConfigurationError("stratify and class-weights are for classes, not for numbers")
    }
    let held = try HeldBack(settings, count: count, labels, seed: configuration.seed)
    if held.train.isEmpty && count > 0 {
      throw ConfigurationError(
        "validation is \(settings.validation), which leaves none of \(count) samples to train on")
    }
    train = try train.choosing(held.train, isTraining: true)
    // As they are, without what is changed at random for training.
    validation =
      held.validation.isEmpty
      ? given : try data.split("train", configuration, isTraining: false).choosing(held.validation, isTraining: false)
    self.test = try test.map { all in
      try all.choosing(Array(0..<min(all.count, settings.limit ?? .max)), isTraining: false)
    }
    weights = labels.flatMap { labels in
      settings.classWeights == .balanced ? SampleWeights.balanced(held.train.map { labels[$0] }) : nil
    }
  }

  /// The samples to learn from, blended where that is asked for, with their weights.
  public var weighted: any DigestedDataset {
    let samples: any DigestedDataset = mixup > 0 ? Mixed(train, alpha: mixup, seed: seed) : train
    return weights.map { Weighted(samples, $0) } ?? samples
  }
}

/// Which of the first samples are held back, a function of the settings and the seed.
struct HeldBack: Equatable {
  /// In rising order.
  let train, validation: [Int]

  init(_ settings: SplitSettings, count: Int, _ labels: [Int32]?, seed: UInt64) throws {
    let wanted = settings.validation > 0 ? Int((settings.validation * Double(count)).rounded(.up)) : 0
    var isHeld = [Bool](repeating: false, count: count)
    if settings.stratify {
      guard settings.validation > 0 else { throw ConfigurationError("stratify needs --validation") }
      for sample in Self.stratified(wanted, (labels ?? []).prefix(count), seed) { isHeld[sample] = true }
    } else if wanted > 0 {
      for sample in RandomKey(seed: seed, .splitting).permutation(count).prefix(wanted) { isHeld[sample] = true }
    }
    train = isHeld.indices.filter { !isHeld[$0] }
    validation = isHeld.indices.filter { isHeld[$0] }
  }

  /// From each class its share; samples that are left over by rounding go to the classes with the largest remainders.
  private static func stratified(_ wanted: Int, _ labels: ArraySlice<Int32>, _ seed: UInt64) -> [Int] {
    let members = Dictionary(grouping: labels.indices) { labels[$0] }.sorted { $0.key < $1.key }
    let shares = members.map { Double($0.value.count) * Double(wanted) / Double(max(labels.count, 1)) }
    var counts = shares.map { Int($0) }
    let order = shares.indices.sorted {
      let (left, right) = (shares[$0] - Double(counts[$0]), shares[$1] - Double(counts[$1]))
      return left != right ? left > right : $0 < $1
    }
    for index in order.prefix(max(0, wanted - counts.reduce(0, +))) { counts[index] += 1 }
    return members.enumerated().flatMap { index, group in
      let order = RandomKey(seed: seed, .splitting, layer: 1 + Int(group.key)).permutation(group.value.count)
      return order.prefix(counts[index]).map { group.value[$0] }
    }
  }
}
