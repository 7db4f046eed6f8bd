import ArgumentParser
import HDF5Files
import Lockstep

struct InspectCommand: SoloCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Shows what a dataset or checkpoint holds.")

  @Argument(help: "An HDF5 file, or a folder of checkpoints.", completion: .hdf5) var file: String
  @Flag(help: "Prints the digest over all model parameters (a dataset's: over all samples) and nothing else.")
  var digest = false
  @Flag(help: "Reads all of a dataset and holds it against its checksums and digests.")
  var verify = false

  func validate() throws {
    if digest && verify { throw ValidationError("--digest and --verify exclude each other") }
  }

  func run() throws {
    if try showDataset() {
      if !digest && !verify { try showArrays() }
      return
    }
    let (path, checkpoint) = try CheckpointFolder.load(file) { Console.warn($0) }
    if digest { return print(try checkpoint.modelDigest()) }
    // Loading it has held all of it against its digest.
    if verify { return print("checkpoint \(path): as its digest") }
    try show(checkpoint, path)
  }

  /// Whether the file is a dataset; then it is shown.
  private func showDataset() throws -> Bool {
    let task = try task()
    let isDataset = try task != nil || isDataset()
    if isDataset && verify {
      try verifyAll()
      return true
    }
    switch task {
    case TableFile.task: try show(TableFile(file))
    case TextFile.task: try show(TextFile.open(file))
    case PairsFile.task: try show(PairsFile.open(file))
    default:
      guard isDataset else { return false }
      if task == ArrayFile.task || task == ClassificationFile.task, let arrays = try ArrayFile.open(file) {
        try show(arrays)
        return true
      }
      let dataset = try ClassificationFile.open(file)
      if digest { print(try dataset.digest()) } else { try show(dataset) }
    }
    return true
  }

  /// What a dataset says that it is for; nil for what is none, or can't be opened.
  private func task() throws -> String? {
    guard let opened = try? HDF5File.open(file) else { return nil }
    try opened.verifyText()
    guard case .string(let task)? = try opened.attribute("task", of: "/") else { return nil }
    return task
  }

  private func show(_ table: TableFile) throws {
    if digest {
      var hash = SHA256()
      for name in table.featureNames { hash.update("\(name)\n") }
      for name in table.splitNames { hash.update("\(name) \(try table.dataset(name).digest)\n") }
      return print(hash.digest)
    }
    let names = table.featureNames
    print("dataset for regression, \(names.count) features to predict \(table.targetName)")
    print("features: " + names.prefix(20).joined(separator: ", ") + (names.count > 20 ? ", …" : ""))
    for name in table.splitNames {
      print("/\(name): \(try table.count(name)) rows" + (table.isLabelled(name) ? "" : " without a target"))
    }
  }

  /// Not what is rather a checkpoint.
  private func isDataset() throws -> Bool {
    guard let opened = try? HDF5File.open(file) else { return false }
    return try opened.exists("/train") || opened.exists("/test")
  }

  private func show(_ dataset: ClassificationFile) throws {
    print(
      "dataset for classification, \(dataset.classNames.count) classes: \(dataset.classNames.joined(separator: ", "))")
    for split in dataset.splitNames {
      let note = dataset.isLabelled(split) ? "" : ", without labels"
      let size = "\(dataset.channels)×\(dataset.height)×\(dataset.width)"
      let (count, encoding) = (try dataset.count(split), try dataset.encoding(split))
      let storage = encoding.map { encoding in
        let quality = encoding.quality.map {
          $0 == JPEGStorage.keepingFiles.text ? ", kept as they were" : ", quality \($0)"
        }
        return " as JPEG\(quality ?? ""), \(encoding.bytes / max(count, 1)) bytes on average"
      }
      print("/\(split): \(count) images of \(size)\(storage ?? "")\(note)")
    }
  }

  private func show(_ checkpoint: Checkpoint, _ path: String) throws {
    let position = checkpoint.position
    print("checkpoint \(path)")
    print("epoch \(position.epoch), step \(position.step), \(position.samplesSeen) samples seen, seed \(position.seed)")
    let configuration = try? Configuration(json: checkpoint.configuration, path: path)
    if let configuration { print("model \(configuration.model)") }
    for line in configuration?.tableLines ?? [checkpoint.configuration] { print(line) }
    for (name, tensor) in checkpoint.model { print("/model/\(name) \(tensor.shape)") }
    for (slot, tensors) in checkpoint.optimizer.sorted(by: { $0.key < $1.key }) {
      print("/optimizer/\(slot): \(tensors.count) tensors")
    }
    print(try checkpoint.modelDigest())
  }
}
