import HDF5Files
import Tensors

/// Tensors by name in a safetensors file, the format in which most weights are published: `safetensors.torch.load_file` reads what
/// is written here.
public enum SafeTensors {
  /// Writes the tensors, whole or not at all: a module's `state`, say.
  public static func save(_ tensors: [(name: String, tensor: Tensor)], to path: String) throws {
    try AtomicFile.write(encode(tensors), to: path)
  }

  /// The bytes of such a file. Tensors of wide elements come first, so that all of them lie at multiples of their elements' size.
  public static func encode(_ tensors: [(name: String, tensor: Tensor)]) throws -> [UInt8] {
    let sorted = tensors.enumerated().sorted {
      let (first, second) = ($0.element.tensor.dtype.byteCount, $1.element.tensor.dtype.byteCount)
      return (second, $0.offset) < (first, $1.offset)
    }.map(\.element)
    // PyTorch's readers ask for it.
    var members = ["\"__metadata__\":{\"format\":\"pt\"}"]
    var end = 0
    for (name, tensor) in sorted {
      try tensor.check()
      let start = end
      end += tensor.elementCount * tensor.dtype.byteCount
      let shape = tensor.shape.extents.map(String.init).joined(separator: ",")
      members.append(
        "\(quoted(name)):{\"dtype\":\"\(SafeTensorsType(tensor.dtype).rawValue)\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(start),\(end)]}")
    }
    var header = Array("{\(members.joined(separator: ","))}".utf8)
    header += [UInt8](repeating: UInt8(ascii: " "), count: (8 - header.count % 8) % 8)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(8 + header.count + end)
    withUnsafeBytes(of: UInt64(header.count).littleEndian) { bytes += $0 }
    bytes += header
    for (_, tensor) in sorted { try append(tensor, to: &bytes) }
    return bytes
  }

  private static func append(_ tensor: Tensor, to bytes: inout [UInt8]) throws {
    func append<T: Element>(_ type: T.Type) throws {
      try tensor.withRowMajor(as: T.self) { bytes += UnsafeRawBufferPointer($0) }
    }
    switch tensor.dtype {
    case .bool: try append(Bool.self)
    case .uint8: try append(UInt8.self)
    case .int32: try append(Int32.self)
    case .int64: try append(Int64.self)
    case .float32: try append(Float.self)
    case .float64: try append(Double.self)
    }
  }

  private static func quoted(_ text: String) -> String {
    let scalars = text.unicodeScalars.map { scalar -> String in
      switch scalar {
      case "\"": "\\\""
      case "\\": "\\\\"
      case _ where scalar.value < 0x20: "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
      default: String(scalar)
      }
    }
    return "\"\(scalars.joined())\""
  }

  /// The tensors of a file by name: what `Module.load` takes.
  public static func dictionary(_ path: String) throws -> [String: Tensor] {
    try Dictionary(uniqueKeysWithValues: entries(path).map { ($0.name, try $0.tensor()) })
  }

  /// What the file holds; tensors are read when they are asked for.
  static func entries(_ path: String) throws -> [StoredWeights.Entry] {
    let file = try InputFile(path)
    return try SafeTensorsHeader(of: file).entries.map { entry in
      StoredWeights.Entry(name: entry.name, shape: entry.shape, type: entry.type.rawValue) {
        let bytes = try file.bytes(at: entry.bytes.lowerBound, count: entry.bytes.count)
        guard bytes.count == entry.bytes.count else {
          throw CheckpointError(path, "was cut short while it was read: \(entry.name.inOneLine) is not whole")
        }
        return entry.type.tensor(bytes, entry.shape)
      }
    }
  }

  /// The tensors of several files, as an index such as `model.safetensors.index.json` lists them: those that it names, and no file
  /// outside of its folder.
  static func entries(ofIndex path: String) throws -> [StoredWeights.Entry] {
    let text = try InputFile.bytes(of: path)
    var files: [(tensor: String, file: String)] = []
    var reader = JSONReader(text) { CheckpointError(path, "byte \($0): \($1)") }
    try reader.members { name, reader in
      guard name == "weight_map" else { return try reader.skip() }
      try reader.members { tensor, reader in
        let start = reader.place
        let file = try reader.string()
        guard isWithinFolder(file) else {
          throw reader.failure(
            at: start, "\(tensor.inOneLine) is in \"\(file.inOneLine)\", not a file of the index's folder")
        }
        files.append((tensor, file))
      }
    }
    try reader.end()
    if files.isEmpty { throw CheckpointError(path, "is no index of safetensors: it has no weight_map with tensors") }
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    var shards: [String: [String: StoredWeights.Entry]] = [:]
    return try files.map { tensor, file in
      if shards[file] == nil { shards[file] = try shard(folder + file, of: path) }
      guard let entry = shards[file]?[tensor] else {
        throw CheckpointError(path, "says that \(tensor.inOneLine) is in \(file.inOneLine), which has no such tensor")
      }
      return entry
    }
  }

  private static func isWithinFolder(_ file: String) -> Bool {
    !file.isEmpty && file != "." && file != ".." && !file.contains("/") && !file.utf8.contains(0)
  }

  private static func shard(_ file: String, of index: String) throws -> [String: StoredWeights.Entry] {
    do {
      return Dictionary(uniqueKeysWithValues: try entries(file).map { ($0.name, $0) })
    } catch let error as FileError where error.reason == .missing {
      throw CheckpointError(index, "names a file that is missing: \(file.inOneLine)")
    }
  }
}
