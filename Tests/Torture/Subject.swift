import Glibc
import HDF5Files
import Lockstep

/// A good file, and what it says.
struct Subject {
  let bytes: [UInt8]
  let isCheckpoint: Bool
  private let content: String
  /// Where changed files lie.
  private let place: String

  init(_ path: String, place: String) throws {
    bytes = try InputFile.bytes(of: path)
    isCheckpoint = (try? CheckpointFile.load(path)) != nil
    content = try isCheckpoint ? Content.ofCheckpoint(path) : Content.ofDataset(path)
    self.place = place
  }

  /// What the file's readers make of `changed`, and how much memory they take beyond its size.
  func outcome(of changed: [UInt8]) -> (Outcome, memory: Int) {
    let descriptor = open(place, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard write(descriptor, changed, changed.count) == changed.count else { exit(74) }
    close(descriptor)
    let before = Memory.mark()
    let found = try? isCheckpoint ? Content.ofCheckpoint(place) : Content.ofDataset(place)
    let memory = max(0, Memory.peak() - before - changed.count)
    guard let found else { return (.refused, memory) }
    return (found == content ? .same : .other, memory)
  }
}

/// All that a file says, as a digest; through the doors by which the commands read it.
enum Content {
  static func ofCheckpoint(_ path: String) throws -> String {
    let checkpoint = try CheckpointFile.load(path)
    var hash = SHA256()
    hash.update(
      "\(try checkpoint.modelDigest()) \(checkpoint.position) \(checkpoint.optimizerSteps) \(checkpoint.configuration)")
    hash.update("\(checkpoint.metadata)")
    for (slot, tensors) in checkpoint.optimizer.sorted(by: { $0.key < $1.key }) {
      for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) { try add("\(slot) \(name)", tensor, to: &hash) }
    }
    if let carried = checkpoint.carried { try add("carried", carried, to: &hash) }
    return hash.hexadecimal
  }

  private static func add(_ name: String, _ tensor: Tensor, to hash: inout SHA256) throws {
    hash.update("\(name) \(tensor.shape)")
    try tensor.floats().withUnsafeBytes { hash.update($0) }
  }

  static func ofDataset(_ path: String) throws -> String {
    var hash = SHA256()
    let file = try HDF5File.open(path)
    try file.verifyText()
    switch try file.attribute("task", of: "/") {
    case .string(ClassificationFile.task): hash.update(try ClassificationFile.open(path).digest())
    case .string(TableFile.task): hash.update("\(try TableFile(path).featureNames)")
    case .string(TextFile.task): hash.update("\(try TextFile.open(path).kind)")
    case .string(PairsFile.task): hash.update("\(try PairsFile.open(path).steps)")
    default: throw HDF5Error(.wrongType, path: path, "is no dataset")
    }
    try add(file, "/", depth: 0, to: &hash)
    return hash.hexadecimal
  }

  /// Everything in a group, whether Lockstep asks for it or not. A group may hold itself: the depth is limited.
  private static func add(_ file: HDF5File, _ path: String, depth: Int, to hash: inout SHA256) throws {
    for name in try file.attributeNames(of: path) {
      hash.update("\(path)@\(name) \(String(describing: try file.attribute(name, of: path)))")
    }
    guard try file.isGroup(path) else { return try add(file, dataset: path, to: &hash) }
    guard depth < 4 else { return }
    for name in try file.names(in: path) {
      try add(file, path == "/" ? "/\(name)" : "\(path)/\(name)", depth: depth + 1, to: &hash)
    }
  }

  private static func add(_ file: HDF5File, dataset path: String, to hash: inout SHA256) throws {
    let type = try file.elementType(of: path)
    hash.update("\(path) \(try file.shape(of: path)) \(type)")
    switch type {
    case .string: hash.update("\(try file.readStrings(path))")
    case .float32, .float64: try file.read(path, as: Double.self).withUnsafeBytes { hash.update($0) }
    default: try file.read(path, as: Int64.self).withUnsafeBytes { hash.update($0) }
    }
  }
}
