import ArgumentParser
import HDF5Files
import Lockstep

struct InspectCommand: SoloCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Shows what a dataset or checkpoint holds.")

  @Argument(help: "An HDF5 file, or a folder of checkpoints.") var file: String
  @Flag(help: "Prints the digest over all model parameters (a dataset's: over all samples) and nothing else.")
  var digest = false

  func run() throws {
    if let dataset = try openDataset() {
      if digest { return print(try dataset.digest()) }
      return try show(dataset)
    }
    let (path, checkpoint) = try CheckpointFolder.load(file) { Main.warn($0) }
    if digest { return print(try checkpoint.modelDigest()) }
    try show(checkpoint, path)
  }

  /// Nil for what is rather a checkpoint.
  private func openDataset() throws -> ClassificationFile? {
    guard let opened = try? HDF5File.open(file), try opened.exists("/train") || opened.exists("/test") else {
      return nil
    }
    return try ClassificationFile.open(file)
  }

  private func show(_ dataset: ClassificationFile) throws {
    print(
      "dataset for classification, \(dataset.classNames.count) classes: \(dataset.classNames.joined(separator: ", "))")
    for split in dataset.splitNames {
      let note = dataset.isLabelled(split) ? "" : ", without labels"
      let size = "\(dataset.channels)×\(dataset.height)×\(dataset.width)"
      print("/\(split): \(try dataset.count(split)) images of \(size)\(note)")
    }
  }

  private func show(_ checkpoint: Checkpoint, _ path: String) throws {
    let position = checkpoint.position
    print("checkpoint \(path)")
    print("epoch \(position.epoch), step \(position.step), \(position.samplesSeen) samples seen, seed \(position.seed)")
    print(checkpoint.configuration)
    for (name, tensor) in checkpoint.model { print("/model/\(name) \(tensor.shape)") }
    for (slot, tensors) in checkpoint.optimizer.sorted(by: { $0.key < $1.key }) {
      print("/optimizer/\(slot): \(tensors.count) tensors")
    }
    print(try checkpoint.modelDigest())
  }
}
