/// The bytes of an HDF5 file, beside libhdf5.
enum RawFile {
  /// One that is being built has none yet.
  case new
  case memory([UInt8])
  case disk(InputFile)

  var byteCount: Int {
    switch self {
    case .new: 0
    case .memory(let bytes): bytes.count
    case .disk(let file): file.byteCount
    }
  }

  func bytes(at offset: Int, count: Int) throws -> [UInt8] {
    switch self {
    case .new: []
    case .memory(let bytes): Array(bytes[offset..<offset + count])
    case .disk(let file): try file.bytes(at: offset, count: count)
    }
  }

  /// Whether someone has written to it since it was opened.
  var hasChanged: Bool { if case .disk(let file) = self { file.hasChanged } else { false } }
}
