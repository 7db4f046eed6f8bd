import HDF5Files

/// An IDX file from its beginning to its end, however large.
final class IDXReader {
  let path: String
  let elementType: IDXFile.ElementType
  let shape: [Int]
  /// Of the numbers.
  let byteCount: Int
  private let reader: GzipReader
  private var done = 0

  /// Reads the header. `onStoredBytes` sees the file's bytes as they lie on the disk.
  init(_ path: String, onStoredBytes: @escaping (UnsafeRawBufferPointer) -> Void = { _ in }) throws {
    self.path = path
    reader = try GzipReader(path, onStoredBytes: onStoredBytes)
    (elementType, shape) = try Self.header(reader)
    byteCount = try Self.byteCount(elementType, shape, reader)
  }

  private var name: String { "the shape \(shape) of \(elementType)" }

  /// Fills `target`, for which the file must have enough.
  func read(into target: UnsafeMutableRawBufferPointer) throws {
    let count = try reader.read(into: target)
    done += count
    guard count == target.count else {
      throw InputError(path, "truncated: \(name) needs \(byteCount) bytes of data, found \(done)")
    }
  }

  /// All numbers in pieces of whole rows, of a megabyte or one row; then nothing must be left.
  func forEachPiece(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    let rowBytes = max(shape.dropFirst().reduce(elementType.byteCount, *), 1)
    let pieceBytes = min(max((1 << 20) / rowBytes, 1) * rowBytes, byteCount)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: pieceBytes, alignment: 16)
    defer { buffer.deallocate() }
    while done < byteCount {
      let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(pieceBytes, byteCount - done)])
      try read(into: piece)
      try body(UnsafeRawBufferPointer(piece))
    }
    try finish()
  }

  /// Throws unless the file ends here.
  func finish() throws {
    guard try reader.read(upTo: 1).isEmpty else {
      throw InputError(path, "trailing bytes: \(name) needs \(byteCount) bytes of data, found more")
    }
  }

  /// Two zero bytes, the type, the number of axes, then four bytes for each axis.
  private static func header(_ reader: GzipReader) throws -> (IDXFile.ElementType, [Int]) {
    let magic = try reader.read(upTo: 4)
    guard magic.count == 4 else {
      throw InputError(reader.path, "no IDX file: expected a header of 4 bytes, found \(magic.count) bytes")
    }
    guard magic[0] == 0, magic[1] == 0, let type = IDXFile.ElementType(rawValue: magic[2]), magic[3] > 0 else {
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
  private static func byteCount(_ type: IDXFile.ElementType, _ shape: [Int], _ reader: GzipReader) throws -> Int {
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
