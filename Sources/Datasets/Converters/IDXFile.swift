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

    /// The numbers of a file's bytes.
    func integers(_ bytes: UnsafeRawBufferPointer, _ path: String) throws -> [Int64] {
      switch self {
      case .uint8: bytes.map { Int64($0) }
      case .int8: bytes.map { Int64(Int8(bitPattern: $0)) }
      case .int16: numbers(bytes, Int16.self)
      case .int32: numbers(bytes, Int32.self)
      case .float32, .float64: throw InputError(path, "holds \(self), expected integers")
      }
    }

    private func numbers<Number: FixedWidthInteger>(_ bytes: UnsafeRawBufferPointer, _ type: Number.Type) -> [Int64] {
      stride(from: 0, to: bytes.count, by: MemoryLayout<Number>.size).map {
        Int64(Number(bigEndian: bytes.loadUnaligned(fromByteOffset: $0, as: Number.self)))
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
    let reader = try IDXReader(path, onStoredBytes: onStoredBytes)
    self.path = path
    (elementType, shape) = (reader.elementType, reader.shape)
    bytes = try [UInt8](unsafeUninitializedCapacity: reader.byteCount) { buffer, filled in
      let room = UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: buffer.prefix(reader.byteCount)))
      try reader.read(into: room)
      filled = room.count
    }
    try reader.finish()
  }

  /// The numbers of a file of integers.
  /// - Throws: `InputError` for a file of fractions.
  public func integers() throws -> [Int64] {
    try bytes.withUnsafeBytes { try elementType.integers($0, path) }
  }
}
