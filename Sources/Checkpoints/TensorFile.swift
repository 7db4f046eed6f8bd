import HDF5Files
import Tensors

/// Tensors in HDF5 files of their own: one, a list, a dictionary, or a module's state. h5py reads them as `file["tensor"]`
/// and `file["tensors"]["name"]`. Types are kept; bool becomes uint8.
public enum TensorFile {
  /// Writes the tensors to an HDF5 file, whole or not at all.
  public static func save(_ tensor: Tensor, to path: String) throws { try write([("/tensor", tensor)], to: path) }

  /// Writes the tensors to an HDF5 file, whole or not at all.
  public static func save(_ tensors: [Tensor], to path: String) throws {
    try write(tensors.enumerated().map { ("/tensors/\($0)", $1) }, to: path)
  }

  /// Writes the tensors to an HDF5 file, whole or not at all.
  public static func save(_ tensors: [String: Tensor], to path: String) throws {
    if let bad = tensors.keys.first(where: { $0.isEmpty || $0 == "." || $0.contains("/") || $0.utf8.contains(0) }) {
      throw TensorError("save", "\"\(bad)\" can't be a tensor's name")
    }
    try write(tensors.sorted { $0.key < $1.key }.map { ("/tensors/\($0.key)", $0.value) }, to: path)
  }

  /// A module's state, `namedParameters` and `namedBuffers`.
  public static func save(_ state: [(name: String, tensor: Tensor)], to path: String) throws {
    try save(Dictionary(state.map { ($0.name, $0.tensor) }) { first, _ in first }, to: path)
  }

  /// The one tensor that was saved at `path`.
  public static func tensor(_ path: String) throws -> Tensor {
    let file = try HDF5File.open(path)
    guard try file.isDataset("/tensor") else { throw CheckpointError(path, "holds no single tensor") }
    return try read("/tensor", file)
  }

  /// The list of tensors that was saved at `path`, in its order.
  public static func list(_ path: String) throws -> [Tensor] {
    let file = try HDF5File.open(path)
    let names = try names(file)
    guard names.allSatisfy({ Int($0) != nil }) else {
      throw CheckpointError(path, "holds named tensors, not a list: \(names.prefix(5).joined(separator: ", "))")
    }
    return try names.sorted { Int($0) ?? 0 < Int($1) ?? 0 }.map { try read("/tensors/\($0)", file) }
  }

  /// The tensors that were saved at `path`, by name: what `Module.load` takes.
  public static func dictionary(_ path: String) throws -> [String: Tensor] {
    let file = try HDF5File.open(path)
    return Dictionary(uniqueKeysWithValues: try names(file).map { ($0, try read("/tensors/\($0)", file)) })
  }

  private static func names(_ file: HDF5File) throws -> [String] {
    guard try file.isGroup("/tensors") else {
      throw CheckpointError(file.path, "holds no list or dictionary of tensors")
    }
    return try file.names(in: "/tensors")
  }

  private static func write(_ tensors: [(path: String, tensor: Tensor)], to path: String) throws {
    let file = try HDF5File.inMemory()
    if !(tensors.count == 1 && tensors[0].path == "/tensor") { try file.createGroup("/tensors") }
    for (object, tensor) in tensors {
      let shape = tensor.shape.extents
      switch tensor.dtype {
      case .float32: try file.write(tensor.values(as: Float.self), shape: shape, to: object)
      case .float64: try file.write(tensor.values(as: Double.self), shape: shape, to: object)
      case .int64: try file.write(tensor.values(as: Int64.self), shape: shape, to: object)
      case .int32: try file.write(tensor.values(as: Int32.self), shape: shape, to: object)
      case .uint8, .bool: try file.write(tensor.values(as: UInt8.self), shape: shape, to: object)
      }
    }
    try AtomicFile.write(file.image(), to: path)
  }

  private static func read(_ object: String, _ file: HDF5File) throws -> Tensor {
    let shape = Shape(try file.shape(of: object))
    switch try file.elementType(of: object) {
    case .float32: return try Tensor(file.read(object, as: Float.self), shape: shape)
    case .float64: return try Tensor(file.read(object, as: Double.self), shape: shape)
    case .uint8: return try Tensor(file.read(object, as: UInt8.self), shape: shape)
    case .int32: return try Tensor(file.read(object, as: Int32.self), shape: shape)
    case .int8, .int16, .uint16, .uint32, .int64: return try Tensor(file.read(object, as: Int64.self), shape: shape)
    case let other: throw CheckpointError(file.path, "\(object) holds \(other), which is no tensor's type")
    }
  }
}
