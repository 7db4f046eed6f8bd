import Checkpoints
import Datasets
import Networks
import Tensors

/// Labelled images, rows of a table, or arrays of any shape: whatever the file holds.
public struct ClassificationTask: LearningTask {
  /// Shorter: `.classification`.
  public init() {}

  public var name: String { ClassificationFile.task }
  public var settings: [any Settings.Type] { [ImageSettings.self] }
  public var outputName: String? { "logits" }

  public func sizes(of inputShape: [Int]) -> ModelSizes {
    var sizes = ModelSizes()
    sizes.channels = inputShape.first ?? 1
    return sizes
  }

  public func open(_ path: String, for model: ModelEntry, _ configuration: Configuration) throws -> any TaskData {
    guard let arrays = try ArrayFile.open(path) else { return try ClassificationData(path, for: model, configuration) }
    var sizes = ModelSizes()
    switch arrays.outputs {
    case .classes(let count): sizes.classes = count
    case .unknown: sizes.classes = configuration.sizes.classes
    case .numbers:
      throw InputError(path, "has floats for targets, numbers to predict, but \(model.name) tells classes apart")
    }
    return try ArrayData(arrays, for: model, Classification(), sizes, taking: model.inputShape(configuration.sizes))
  }

  public func outputShape(_ samples: Int, _ sizes: ModelSizes) -> [Int]? { [samples, sizes.classes] }

  /// Random images and labels.
  public func synthetic(
    for model: ModelEntry, _ configuration: Configuration
  ) throws -> (dataset: any Dataset, objective: any Objective) {
    let shape = model.inputShape(configuration.sizes)
    guard shape.count == 3 else {
      throw ConfigurationError("\(model.name) takes \(Shape(shape)), but an image has 3 extents")
    }
    let size = shape.reduce(1, *)
    let count = max(configuration.batchSize, min(16 * configuration.batchSize, (64 << 20) / size))
    let key = RandomKey(seed: 0, .synthesis)
    let pixels = (0..<count * size).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 16) }
    let labels = (0..<count).map { Int32(key.bounded(model.sizes.classes, draw: $0)) }
    let images = ImageSplit(
      images: pixels, labels: labels, channels: shape[0], height: shape[1], width: shape[2])
    return (ImageDataset(images), Classification())
  }

  /// As competitions want it: `id`, the image's name or else its number from 1, and `label`, its class's name. Rows of a table
  /// go by the names of their columns, and else by their numbers from 0.
  public func table(
    of outputs: [Float], width: Int, names: [String]?, _ metadata: Metadata, path: String
  ) throws -> DataFrame? {
    guard let classes = metadata.classNames else { return nil }
    let best = Classification.classes(of: outputs, width)
    let labels = best.map { $0 < classes.count ? classes[$0] : "\($0)" }
    guard let preparation = try TablePreparation(of: metadata, path) else {
      return try DataFrame([
        Column("id", words: names ?? best.indices.map { "\($0 + 1)" }), Column("label", words: labels),
      ])
    }
    return try DataFrame([
      Column(preparation.identifier ?? "row", words: names ?? best.indices.map { "\($0)" }),
      Column(preparation.target, words: labels),
    ])
  }

  public func rows(
    ofCSV data: String, _ metadata: Metadata, path: String
  ) throws -> (dataset: any DigestedDataset, names: [String]?)? {
    try TablePreparation(of: metadata, path).map { try $0.rows(ofCSV: data) }
  }
}

extension LearningTask where Self == ClassificationTask {
  /// Images and their classes.
  public static var classification: ClassificationTask { ClassificationTask() }
}

extension Classification {
  /// The class of each row's largest logit, the first of equal ones.
  public static func classes(of logits: [Float], _ width: Int) -> [Int] {
    stride(from: 0, to: logits.count, by: max(width, 1)).map { start in
      (0..<width).reduce(0) { logits[start + $1] > logits[start + $0] ? $1 : $0 }
    }
  }
}

private struct ClassificationData: TaskData {
  private let file: ClassificationFile
  /// What the model's recipe resizes images to; nil where they have that size.
  private let size: ImageSize?
  /// The shape of an image, where the model takes any and this is not its usual one.
  private let inputs: [Int]?

  init(_ path: String, for model: ModelEntry, _ configuration: Configuration) throws {
    file = try ClassificationFile.open(path)
    let shape = model.inputShape(configuration.sizes)
    guard shape.count == 3 else { throw InputError(path, "has images, but \(model.name) takes \(Shape(shape))") }
    let (found, wanted) = (ImageSize(file.height, file.width), ImageSize(shape[1], shape[2]))
    if model.flattens {
      inputs = found == wanted ? nil : [file.channels, found.height, found.width]
      size = nil
      return
    }
    inputs = nil
    guard found == wanted || model.resizes else {
      throw InputError(
        path,
        "has images of \(file.channels)×\(found), but \(model.name) takes \(file.channels)×\(wanted): "
          + "convert images has --size \(wanted.height),\(wanted.width)")
    }
    size = found == wanted ? nil : wanted
  }

  var sizes: ModelSizes {
    var sizes = ModelSizes.classes(file.classNames.count)
    (sizes.channels, sizes.inputs) = (file.channels, inputs)
    return sizes
  }
  var objective: any Objective { Classification() }
  var metadata: Metadata {
    var metadata = Metadata()
    metadata.classNames = file.classNames
    return metadata
  }
  var splitNames: [String] { file.splitNames }

  func isLabelled(_ split: String) -> Bool { file.isLabelled(split) }
  func names(_ split: String) throws -> [String]? { try file.names(split) }
  func labels(_ split: String) throws -> [Int32]? { try file.labels(split) }

  func split(_ name: String) throws -> any DigestedDataset {
    try file.streamed(name, ImageTransform(size: size))
  }

  func split(_ name: String, _ configuration: Configuration, isTraining: Bool) throws -> any DigestedDataset {
    let images = configuration.images
    let transform = ImageTransform(
      size: size, augmentation: isTraining ? images.augmentation : nil, seed: configuration.seed,
      normalization: images.normalization)
    return try file.streamed(name, transform, configuration.loading.options, isTraining: isTraining)
  }

  /// Means and deviations of the training images, where those are asked for.
  func complete(_ configuration: inout Configuration) throws {
    if configuration.normalization == .ofData {
      configuration.normalization = try file.normalization(of: "train")
    }
    if let count = configuration.normalization?.means.count, count != file.channels {
      throw ConfigurationError("normalize has \(count) means, but \(file.path) has \(file.channels) channels")
    }
  }
}
