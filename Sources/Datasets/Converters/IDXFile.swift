import HDF5Files

/// A file in the IDX format of the MNIST family: a magic number, the axes' sizes, the numbers; all big-endian.
///
/// Source: the format's description at the end of <http://yann.lecun.com/exdb/mnist/>.
public struct IDXFile {
  /// What a file's elements are, by the byte that says so.
  public enum ElementType: UInt8, Sendable, CustomStringConvertible {
    /// Unsigned bytes: pixels and labels.
    case uint8 = 0x08
    /// Signed bytes.
    case int8 = 0x09
    /// Big-endian integers of two bytes.
    case int16 = 0x0b
    /// Big-endian integers of four bytes.
    case int32 = 0x0c
    /// Big-endian floats of four bytes.
    case float32 = 0x0d
    /// Big-endian floats of eight bytes.
    case float64 = 0x0e

    /// Bytes of an element.
    public var byteCount: Int {
      switch self {
      case .uint8, .int8: 1
      case .int16: 2
      case .int32, .float32: 4
      case .float64: 8
      }
    }

    public var description: String {
      switch self {
      case .uint8: "uint8"
      case .int8: "int8"
      case .int16: "int16"
      case .int32: "int32"
      case .float32: "float32"
      case .float64: "float64"
      }
    }
  }

  /// The file that was read.
  public let path: String
  /// What its elements are.
  public let elementType: ElementType
  /// The sizes of the axes, outermost first.
  public let shape: [Int]
  /// The numbers in row-major order, big-endian as in the file.
  public let bytes: [UInt8]

  /// Reads the whole file at `path`, which may be compressed with gzip.
  ///
  /// The header's sizes are checked before anything is allocated, and the data must have exactly the bytes they say.
  /// `onStoredBytes` sees the file's bytes as they lie on the disk, in order.
  /// - Throws: `FileError` for a missing or unreadable file; `InputError` for what is no IDX file, for one that is
  ///   truncated or has bytes too many, and for corrupt gzip data.
  public init(_ path: String, onStoredBytes: @escaping (UnsafeRawBufferPointer) -> Void = { _ in }) throws {
    let reader = try GzipReader(path, onStoredBytes: onStoredBytes)
    self.path = path
    (elementType, shape) = try IDXFile.header(reader)
    let byteCount = try IDXFile.byteCount(elementType, shape, reader)
    bytes = try reader.read(upTo: byteCount)
    let name = "the shape \(shape) of \(elementType)"
    guard bytes.count == byteCount else {
      throw InputError(path, "truncated: \(name) needs \(byteCount) bytes of data, found \(bytes.count)")
    }
    guard try reader.read(upTo: 1).isEmpty else {
      throw InputError(path, "trailing bytes: \(name) needs \(byteCount) bytes of data, found more")
    }
  }

  /// The numbers of a file of integers.
  /// - Throws: `InputError` for a file of fractions.
  public func integers() throws -> [Int64] {
    switch elementType {
    case .uint8: bytes.map { Int64($0) }
    case .int8: bytes.map { Int64(Int8(bitPattern: $0)) }
    case .int16: numbers(Int16.self)
    case .int32: numbers(Int32.self)
    case .float32, .float64: throw InputError(path, "holds \(elementType), expected integers")
    }
  }

  private func numbers<Number: FixedWidthInteger>(_ type: Number.Type) -> [Int64] {
    bytes.withUnsafeBytes { raw in
      stride(from: 0, to: raw.count, by: MemoryLayout<Number>.size).map {
        Int64(Number(bigEndian: raw.loadUnaligned(fromByteOffset: $0, as: Number.self)))
      }
    }
  }

  /// Two zero bytes, the type, the number of axes, then four bytes for each axis.
  private static func header(_ reader: GzipReader) throws -> (ElementType, [Int]) {
    let magic = try reader.read(upTo: 4)
    guard magic.count == 4 else {
      throw InputError(reader.path, "no IDX file: expected a header of 4 bytes, found \(magic.count) bytes")
    }
    guard magic[0] == 0, magic[1] == 0, let type = ElementType(rawValue: magic[2]), magic[3] > 0 else {
      let found = magic.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined(separator: " ")
      throw InputError(
        reader.path, "no IDX file: expected the magic number 00 00, type (08…0e), number of axes; found \(found)")
    }
    let rank = Int(magic[3])
    let sizes = try reader.read(upTo: 4 * rank)
    guard sizes.count == 4 * rank else {
      let found = 4 + sizes.count
      throw InputError(reader.path, "truncated: \(rank) axes need a header of \(4 + 4 * rank) bytes, found \(found)")
    }
    let shape = (0..<rank).map { axis in
      sizes[4 * axis..<4 * axis + 4].reduce(0) { $0 << 8 | Int($1) }
    }
    return (type, shape)
  }

  /// The size of the data that the header declares, once it is known that the file can hold it.
  private static func byteCount(_ type: ElementType, _ shape: [Int], _ reader: GzipReader) throws -> Int {
    var count = type.byteCount
    for size in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      guard !overflow else { throw InputError(reader.path, "the shape \(shape) overflows: more than 2^63 bytes") }
      count = product
    }
    guard count <= reader.mostByteCount else {
      let stored = "\(reader.storedByteCount) bytes\(reader.isCompressed ? " of gzip data" : "")"
      throw InputError(reader.path, "truncated: the shape \(shape) of \(type) needs \(count) bytes, found \(stored)")
    }
    return count
  }
}
