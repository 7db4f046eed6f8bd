import Checkpoints
import Datasets

/// Arrays, tables with classes and images of floats, opened for a model.
struct ArrayData: TaskData {
  let file: ArrayFile
  let sizes: ModelSizes
  let objective: any Objective
  /// Of one sample as the model takes it.
  private let shape: [Int]

  /// - Throws: `InputError` where the model takes no samples of that shape.
  init(
    _ file: ArrayFile, for model: ModelEntry, _ objective: any Objective, _ sizes: ModelSizes, taking wanted: [Int]
  ) throws {
    (self.file, self.objective) = (file, objective)
    var sizes = sizes
    shape = try Self.shape(of: file, for: model, wanted)
    if model.flattens {
      sizes.inputs = shape
    } else if wanted.count == 3 {
      sizes.channels = shape[0]
    } else {
      sizes.features = shape[0]
    }
    self.sizes = sizes
  }

  /// Images may have any number of channels, or no axis for the one of them; rows of a table any number of columns.
  private static func shape(of file: ArrayFile, for model: ModelEntry, _ wanted: [Int]) throws -> [Int] {
    let found = file.inputShape
    if model.flattens { return found.isEmpty ? [1] : found }
    if found == wanted { return found }
    if wanted.count == 1 { return [found.reduce(1, *)] }
    let image = found.count == 2 ? [1] + found : found
    if wanted.count == 3, image.count == 3, image.dropFirst() == wanted.dropFirst() { return image }
    let size = wanted.dropFirst().map(String.init).joined(separator: "×")
    let hint = model.resizes ? "; it resizes images of uint8 alone, which are no arrays" : ""
    throw InputError(
      file.path, "has samples of the shape \(found), but \(model.name) takes images, [channels, \(size)]\(hint)")
  }

  var metadata: Metadata {
    var metadata = Metadata()
    if !file.classNames.isEmpty { metadata.classNames = file.classNames }
    (metadata.featureNames, metadata.targetName) = (file.featureNames, file.targetName)
    metadata.preparation = try? file.preparation?.json()
    return metadata
  }
  var splitNames: [String] { file.splitNames }

  func split(_ name: String) throws -> any DigestedDataset { try file.streamed(name, shape: shape) }
  func split(_ name: String, _ configuration: Configuration, isTraining: Bool) throws -> any DigestedDataset {
    try file.streamed(name, shape: shape, configuration.loading.options, isTraining: isTraining)
  }
  func isLabelled(_ split: String) -> Bool { file.isLabelled(split) }
  func names(_ split: String) throws -> [String]? { try file.names(split) }
  func labels(_ split: String) throws -> [Int32]? { try file.labels(split) }

  /// Nothing is done to numbers: only to pixels that are bytes.
  func complete(_ configuration: inout Configuration) throws {
    throw ConfigurationError(
      "random-crop, random-flip, augment and normalize are for images of uint8, but \(file.path) holds numbers, taken as they are"
    )
  }
}
