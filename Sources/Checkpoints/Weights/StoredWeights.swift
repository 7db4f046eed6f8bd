import Foundation
import HDF5Files
import Tensors

/// Named tensors of a file, wherever they come from: a checkpoint, safetensors, their index, or HDF5 that h5py wrote.
public struct StoredWeights {
  /// A tensor of the file, which is read when it is asked for.
  public struct Entry {
    /// As the file has it, groups of HDF5 joined by dots.
    public let name: String
    /// As the file declares it, and checked against what it can hold.
    public let shape: Shape
    /// What its elements are, in the file's own words.
    public let type: String
    let read: () throws -> Tensor

    init(name: String, shape: Shape, type: String, read: @escaping () throws -> Tensor) {
      (self.name, self.shape, self.type, self.read) = (name, shape, type, read)
    }

    /// Reads it.
    public func tensor() throws -> Tensor {
      let tensor = try read()
      try tensor.check()
      return tensor
    }

    func renamed(_ name: String) -> Entry { Entry(name: name, shape: shape, type: type, read: read) }
  }

  /// The file that was opened, of a folder the one that was taken.
  public let path: String
  /// In the file's order.
  public let entries: [Entry]
  /// What else a checkpoint of Lockstep's says: its configuration as JSON, and what its data were.
  public let checkpoint: (configuration: String, metadata: Metadata)?

  init(_ path: String, _ entries: [Entry], _ checkpoint: (configuration: String, metadata: Metadata)? = nil) {
    (self.path, self.entries, self.checkpoint) = (path, entries, checkpoint)
  }

  /// Opens a file of any of these kinds, which is told by what is in it, or a folder: of checkpoints, or of safetensors.
  ///
  /// - Throws: `CheckpointError` where it is none of them, or damaged; `FileError` where it is not there.
  public static func open(_ path: String, warn: (String) -> Void = { _ in }) throws -> StoredWeights {
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
      for name in ["model.safetensors.index.json", "model.safetensors"] where isFile("\(path)/\(name)") {
        return try open("\(path)/\(name)")
      }
      let (file, checkpoint) = try CheckpointFolder.load(path, warn: warn)
      return StoredWeights(file, checkpoint)
    }
    let file = try InputFile(path)
    let start = try file.bytes(at: 0, count: 9)
    if start.starts(with: [0x89, 0x48, 0x44, 0x46]) {
      // A checkpoint is held against its digest before libhdf5 sees a byte of it.
      if try CheckpointFile.isSealed(file) { return StoredWeights(path, try CheckpointFile.load(path)) }
      return StoredWeights(path, try hdf5Entries(path))
    }
    if start.starts(with: Array("PK".utf8)) || start.starts(with: [0x80, 0x02]) {
      throw CheckpointError(
        path,
        "is a pickle of PyTorch's or a zip file, which could run code: write it anew by safetensors.torch.save_file")
    }
    if start.first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) == UInt8(ascii: "{") {
      return StoredWeights(path, try SafeTensors.entries(ofIndex: path))
    }
    return StoredWeights(path, try SafeTensors.entries(path))
  }

  private static func isFile(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

  private init(_ path: String, _ checkpoint: Checkpoint) {
    let entries = checkpoint.model.map { name, tensor in
      Entry(name: name, shape: tensor.shape, type: "float32") { tensor }
    }
    self.init(path, entries, (checkpoint.configuration, checkpoint.metadata))
  }

  /// The same under other names.
  public func renamed(by map: NameMap) throws -> StoredWeights {
    let names = entries.map(\.name)
    try map.checkUse(in: names, of: path)
    let renamed = entries.compactMap { entry in map.name(of: entry.name).map(entry.renamed) }
    if let twice = Dictionary(grouping: renamed, by: \.name).first(where: { $0.value.count > 1 })?.key {
      throw CheckpointError(path, "the map gives the name \(twice.inOneLine) to several tensors", kind: .usage)
    }
    return StoredWeights(path, renamed, checkpoint)
  }
}

/// HDF5 in any arrangement of groups.
extension StoredWeights {
  private static let (deepest, most) = (32, 1 << 16)

  private static func hdf5Entries(_ path: String) throws -> [Entry] {
    let file = try HDF5File.open(path)
    var entries: [Entry] = []
    var groups = [(path: "", name: "", depth: 0)]
    var visited = 0
    while let group = groups.popLast() {
      for name in try file.names(in: group.path.isEmpty ? "/" : group.path) {
        let place = "\(group.path)/\(name)"
        let full = group.name.isEmpty ? name : "\(group.name).\(name)"
        visited += 1
        // A group may hold itself, and that twice.
        guard group.depth < deepest, visited <= most else {
          throw CheckpointError(path, "\(place.inOneLine): groups deeper than \(deepest), or more than \(most) things")
        }
        if try file.isGroup(place) {
          groups.append((place, full, group.depth + 1))
        } else if try file.isDataset(place), try file.elementType(of: place).isNumber {
          entries.append(try entry(full, place, file))
        }
      }
    }
    if entries.isEmpty { throw CheckpointError(path, "holds no tensors") }
    return entries.sorted { $0.name < $1.name }
  }

  private static func entry(_ name: String, _ place: String, _ file: HDF5File) throws -> Entry {
    let (type, shape) = (try file.elementType(of: place), Shape(try file.shape(of: place)))
    return Entry(name: name, shape: shape, type: "\(type)") {
      try Tensor(file.read(place, as: Float.self), shape: shape)
    }
  }
}
