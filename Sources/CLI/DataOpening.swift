import Lockstep
import Zoo

/// A classification data set that fits a model.
struct OpenedData {
  let file: ClassificationFile
  let path: String

  /// Opens the file and checks that its images fit the model, before anything is computed.
  init(_ path: String, for model: ZooModel) throws {
    (file, self.path) = (try ClassificationFile.open(path), path)
    let found = [file.channels, file.height, file.width]
    guard found == model.inputShape else {
      throw InputError(
        path, "has images of \(Self.text(found)), but \(model.name) takes \(Self.text(model.inputShape))")
    }
  }

  func dataset(_ split: String) throws -> ImageDataset { ImageDataset(try file.split(split)) }
  var hasTest: Bool { file.splitNames.contains("test") }

  private static func text(_ shape: [Int]) -> String { shape.map(String.init).joined(separator: "×") }
}

/// A trained model as its checkpoint holds it.
struct OpenedModel {
  let entry: ZooModel
  let network: Module
  let configuration: Configuration
  let path: String
  let classes: Int

  init(_ path: String) throws {
    let (file, checkpoint) = try CheckpointFolder.load(path) { Main.warn($0) }
    configuration = try Configuration(json: checkpoint.configuration, path: file)
    guard let entry = Zoo.model(configuration.model) else {
      throw CheckpointError(file, "is of a model \"\(configuration.model)\" that this lockstep does not know")
    }
    (self.entry, self.path) = (entry, file)
    classes = try Self.classes(checkpoint, file)
    network = entry.make(classes)
    do {
      try network.load(Dictionary(uniqueKeysWithValues: checkpoint.model))
    } catch {
      throw CheckpointError(file, "\(error)")
    }
  }

  /// The classes of a checkpoint are the rows of its last bias.
  private static func classes(_ checkpoint: Checkpoint, _ file: String) throws -> Int {
    guard
      let last = checkpoint.model.filter({ $0.name.hasSuffix(".bias") }).max(by: {
        position($0.name) < position($1.name)
      })
    else { throw CheckpointError(file, "has no bias to tell the number of classes") }
    return last.tensor.elementCount
  }

  private static func position(_ name: String) -> Int { Int(name.prefix { $0.isNumber }) ?? -1 }
}
