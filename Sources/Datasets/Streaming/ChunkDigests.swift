import CZlib
import HDF5Files

/// CRC-32s of an array's rows, a number for so many of them: who reads some rows can check them without reading the others.
///
/// They are of the numbers as they are in memory, whatever the file keeps them as: pixels uint8, labels and tokens int32,
/// features float32. Together they give the CRC-32 of the whole array, so that the digest of a data set is known without
/// reading it. In a file they are `/train/digests/images` for `/train/images`, uint32 `[chunks]`, with the attributes
/// `rows`, how many rows each stands for (but the last, for what is left), and `type`, what the numbers are in memory.
public struct ChunkDigests: Sendable, Equatable {
  /// Rows of a chunk.
  public let rows: Int
  /// What the numbers are in memory.
  public let type: HDF5ElementType
  /// By chunk.
  public private(set) var values: [UInt32] = []

  /// None yet, of chunks of `rows` rows.
  public init(rows: Int, of type: HDF5ElementType) {
    precondition(rows > 0, "chunks of no rows")
    (self.rows, self.type) = (rows, type)
  }

  /// The digest of a chunk's numbers.
  public static func value(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    UInt32(truncatingIfNeeded: Checksum.crc32(bytes))
  }

  /// Adds the next chunk: `rows` rows, or at the end what is left.
  public mutating func append(_ bytes: UnsafeRawBufferPointer) { values.append(Self.value(bytes)) }

  /// The CRC-32 of all chunks in a row, as `Checksum.crc32` has it for the whole array.
  /// - Parameters:
  ///   - rowBytes: bytes of a row in memory.
  ///   - count: rows of the array.
  public func combined(rowBytes: Int, count: Int) -> UInt {
    var (whole, left) = (Checksum.crc32(UnsafeRawBufferPointer(start: nil, count: 0)), count)
    for value in values {
      let some = min(rows, left)
      whole = crc32_combine(whole, UInt(value), some * rowBytes)
      left -= some
    }
    return whole
  }

  /// The rows of a chunk, of `count` in all.
  public func range(ofChunk chunk: Int, count: Int) -> Range<Int> {
    min(chunk * rows, count)..<min((chunk + 1) * rows, count)
  }

  static func path(_ split: String, _ array: String) -> String { "/\(split)/digests/\(array)" }

  /// The digests of `/split/array`; nil where the file has none.
  /// - Throws: `InputError` for such as don't fit the array.
  public static func read(_ file: HDF5File, _ split: String, _ array: String) throws -> ChunkDigests? {
    let object = path(split, array)
    guard try file.exists(object) else { return nil }
    guard case .int(let said)? = try file.attribute("rows", of: object), let rows = Int(exactly: said), rows > 0 else {
      throw InputError(file.path, "\(object): expected an attribute rows, how many rows each digest stands for")
    }
    guard case .string(let name)? = try file.attribute("type", of: object), let type = HDF5ElementType(name: name)
    else {
      throw InputError(file.path, "\(object): expected an attribute type, what the numbers are in memory")
    }
    let (kind, shape) = (try file.elementType(of: object), try file.shape(of: object))
    let count = try file.shape(of: "/\(split)/\(array)").first ?? 0
    let chunks = count / rows + (count % rows > 0 ? 1 : 0)
    guard kind == .uint32, shape == [chunks] else {
      throw InputError(
        file.path, "\(object): expected uint32 of the shape [\(chunks)], found \(kind) of \(shape)")
    }
    var digests = ChunkDigests(rows: rows, of: type)
    digests.values = try file.read(object, as: UInt32.self)
    return digests
  }

  /// Adds them to a file that is being made.
  public func write(_ file: HDF5File, _ split: String, _ array: String) throws {
    let object = Self.path(split, array)
    try file.write(values, shape: [values.count], to: object)
    try file.setAttribute("rows", of: object, to: .int(Int64(rows)))
    try file.setAttribute("type", of: object, toPadded: type.description)
  }
}
