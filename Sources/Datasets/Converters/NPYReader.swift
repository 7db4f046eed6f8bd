import HDF5Files

/// A NumPy array that is read from its first number to its last, however large.
final class NPYReader {
  let path: String
  let header: NPYHeader
  private let source: any ByteSource
  private let onBytes: (UnsafeRawBufferPointer) -> Void
  /// Bytes behind the header that were read with it.
  private var first: ArraySlice<UInt8>

  var rowShape: [Int] { Array(header.shape.dropFirst()) }
  var count: Int { header.shape.first ?? 0 }
  var rowWidth: Int { rowShape.reduce(1, *) }
  var rowBytes: Int { rowWidth * header.element.byteCount }

  /// Bytes of numbers that are handed on at once, but for larger rows.
  private static let pieceBytes = 1 << 20
  /// A sample of more is rather a mistake, and one must lie in memory.
  private static let mostRowBytes = 64 << 20

  /// Opens a file of one array, whose size must be exactly what its header says.
  convenience init(file path: String, onBytes: @escaping (UnsafeRawBufferPointer) -> Void = { _ in }) throws {
    let source = try PlainSource(path)
    try self.init(source, byteCount: source.byteCount, onBytes: onBytes)
  }

  /// Reads the header of an array of `byteCount` bytes with it.
  /// - Parameter onBytes: sees the header, and then the numbers as they are read.
  init(
    _ source: any ByteSource, byteCount: Int, onBytes: @escaping (UnsafeRawBufferPointer) -> Void = { _ in }
  ) throws {
    (self.source, self.onBytes, path) = (source, onBytes, source.path)
    var start = [UInt8](repeating: 0, count: min(byteCount, NPYHeader.mostBytes))
    let got = try start.withUnsafeMutableBytes { try source.read(into: $0) }
    start.removeLast(start.count - got)
    header = try start.withUnsafeBytes { try NPYHeader($0, path: source.path) }
    first = start[min(header.byteCount, start.count)...]
    guard header.byteCount <= byteCount, header.dataBytes == byteCount - header.byteCount else {
      throw InputError(
        path,
        "has \(byteCount - header.byteCount) bytes of numbers, but \(header.shape) of \(header.element) takes "
          + "\(header.dataBytes)")
    }
    guard !header.shape.isEmpty else { throw InputError(path, "is a single number, not an array of samples") }
    guard rowBytes <= Self.mostRowBytes || count == 0 else {
      throw InputError(path, "has samples of \(rowBytes) bytes, more than \(Self.mostRowBytes >> 20) MB")
    }
    start[..<first.startIndex].withUnsafeBytes(onBytes)
  }

  /// All numbers in this machine's order of bytes, some whole rows at a time; only once.
  /// - Throws: `InputError` where the data end before, and with the row of a number that float32 can't hold.
  func forEachPiece(_ body: (_ rows: Range<Int>, UnsafeRawBufferPointer) throws -> Void) throws {
    guard rowBytes > 0, count > 0 else { return }
    let most = max(Self.pieceBytes / rowBytes, 1)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: min(most, count) * rowBytes, alignment: 16)
    defer { buffer.deallocate() }
    for start in stride(from: 0, to: count, by: most) {
      let rows = start..<min(start + most, count)
      let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<(rows.count * rowBytes)])
      try fill(piece, from: start)
      onBytes(UnsafeRawBufferPointer(piece))
      if header.isBigEndian { Self.swap(piece, header.element.byteCount) }
      try check(UnsafeRawBufferPointer(piece), from: start)
      try body(rows, UnsafeRawBufferPointer(piece))
    }
  }

  private func fill(_ piece: UnsafeMutableRawBufferPointer, from row: Int) throws {
    let some = first.prefix(piece.count)
    piece.copyBytes(from: some)
    first = first.dropFirst(some.count)
    let rest = UnsafeMutableRawBufferPointer(rebasing: piece[some.count...])
    let count = try source.read(into: rest)
    guard count == rest.count else {
      let missing = header.dataBytes - row * rowBytes - some.count - count
      throw InputError(path, "truncated: ends \(missing) bytes before its last number")
    }
  }

  private static func swap(_ buffer: UnsafeMutableRawBufferPointer, _ width: Int) {
    guard width > 1 else { return }
    for start in stride(from: 0, to: buffer.count - buffer.count % width, by: width) {
      for place in 0..<width / 2 { buffer.swapAt(start + place, start + width - 1 - place) }
    }
  }

  /// Throws for a number that no float32 can hold, with its row.
  private func check(_ piece: UnsafeRawBufferPointer, from row: Int) throws {
    let count = piece.count / header.element.byteCount
    guard let base = piece.baseAddress, let found = header.element.firstNotFinite(base, count) else { return }
    throw InputError(path, "row \(row + found.index / rowWidth): \(found.value) is no finite number of float32")
  }

  /// The numbers of a piece, widened.
  func numbers(_ piece: UnsafeRawBufferPointer) -> [Double] {
    if header.element.isInteger { return header.element.integers(piece).map { Double($0) } }
    let count = piece.count / header.element.byteCount
    return [Float](unsafeUninitializedCapacity: count) { buffer, filled in
      if let from = piece.baseAddress, let to = buffer.baseAddress { header.element.decode(from, count, into: to) }
      filled = count
    }.map { Double($0) }
  }
}

/// A file from its beginning to its end.
private final class PlainSource: ByteSource {
  private let file: InputFile

  init(_ path: String) throws { file = try InputFile(path) }

  var path: String { file.path }
  var byteCount: Int { file.byteCount }

  func read(into target: UnsafeMutableRawBufferPointer) throws -> Int {
    var count = 0
    while count < target.count {
      let got = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: target[count...]))
      if got == 0 { break }
      count += got
    }
    return count
  }
}
