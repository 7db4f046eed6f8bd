import Lockstep
import Zoo

/// Labelled images.
struct ClassificationWorkload: Workload {
  private let file: ClassificationFile

  init(_ path: String, for model: ZooModel) throws {
    file = try ClassificationFile.open(path)
    let found = [file.channels, file.height, file.width]
    guard found == model.inputShape else {
      throw InputError(
        path, "has images of \(Self.text(found)), but \(model.name) takes \(Self.text(model.inputShape))")
    }
  }

  var sizes: ModelSizes { .classes(file.classNames.count) }
  var objective: any Objective { Classification() }
  var texts: [String: [String]] { ["class_names": file.classNames] }
  var splitNames: [String] { file.splitNames }

  func split(_ name: String) throws -> any DigestedDataset { ImageDataset(try file.split(name)) }

  private static func text(_ shape: [Int]) -> String { shape.map(String.init).joined(separator: "×") }
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
