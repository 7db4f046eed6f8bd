import Lockstep
import Zoo

/// Labelled images.
struct ClassificationWorkload: Workload {
  let file: ClassificationFile
  /// What the model's recipe resizes images to; nil where they have that size.
  private let size: ImageSize?

  init(_ path: String, for model: ZooModel) throws {
    file = try ClassificationFile.open(path)
    let (found, wanted) = (ImageSize(file.height, file.width), ImageSize(model.inputShape[1], model.inputShape[2]))
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
    sizes.channels = file.channels
    return sizes
  }
  var objective: any Objective { Classification() }
  var texts: [String: [String]] { ["class_names": file.classNames] }
  var splitNames: [String] { file.splitNames }

  func isLabelled(_ split: String) -> Bool { file.isLabelled(split) }

  func split(_ name: String) throws -> any DigestedDataset {
    try ImageDataset(file.split(name), ImageTransform(size: size))
  }

  func split(_ name: String, _ configuration: Configuration, isTraining: Bool) throws -> any DigestedDataset {
    try ImageDataset(
      file.split(name),
      ImageTransform(
        size: size, augmentation: isTraining ? configuration.augmentation : nil, seed: configuration.seed,
        normalization: configuration.normalization))
  }
}

/// Random images and labels in memory, of a model's input shape.
struct SyntheticImages: Dataset {
  private let images: ImageDataset
  var count: Int { images.count }

  init(_ entry: ZooModel, _ batchSize: Int) {
    let size = entry.inputShape.reduce(1, *)
    let count = max(batchSize, min(16 * batchSize, (64 << 20) / size))
    let key = RandomKey(seed: 0, .synthesis)
    let pixels = (0..<count * size).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 16) }
    let labels = (0..<count).map { Int32(key.bounded(entry.sizes.classes, draw: $0)) }
    images = ImageDataset(
      ImageSplit(
        images: pixels, labels: labels, channels: entry.inputShape[0], height: entry.inputShape[1],
        width: entry.inputShape[2]))
  }

  func batch(_ samples: [Int]) throws -> Batch { try images.batch(samples) }
}
