import HDF5Files

/// A NumPy array as it comes from a file, or from a member of an archive of them.
struct NPYArray {
  let path: String
  let header: NPYHeader
  /// Numbers in this machine's order of bytes, row after row.
  let bytes: [UInt8]

  var rowShape: [Int] { Array(header.shape.dropFirst()) }
  var count: Int { header.shape.first ?? 0 }
  var rowWidth: Int { rowShape.reduce(1, *) }

  /// Reads a file of one array, whose size must be exactly what its header says.
  init(file path: String, onBytes: (UnsafeRawBufferPointer) -> Void = { _ in }) throws {
    let source = try PlainSource(path)
    try self.init(source, byteCount: source.byteCount, onBytes: onBytes)
  }

  /// Reads an array of `byteCount` bytes, header included.
  init(_ source: any ByteSource, byteCount: Int, onBytes: (UnsafeRawBufferPointer) -> Void = { _ in }) throws {
    path = source.path
    var start = [UInt8](repeating: 0, count: min(byteCount, NPYHeader.mostBytes))
    let got = try start.withUnsafeMutableBytes { try source.read(into: $0) }
    start.removeLast(start.count - got)
    let header = try start.withUnsafeBytes { try NPYHeader($0, path: source.path) }
    guard header.byteCount <= byteCount, header.dataBytes == byteCount - header.byteCount else {
      throw InputError(
        source.path,
        "has \(byteCount - header.byteCount) bytes of numbers, but \(header.shape) of \(header.element) takes "
          + "\(header.dataBytes)")
    }
    guard !header.shape.isEmpty else { throw InputError(source.path, "is a single number, not an array of samples") }
    start.withUnsafeBytes(onBytes)
    let first = start[min(header.byteCount, start.count)...]
    let path = source.path
    bytes = try [UInt8](unsafeUninitializedCapacity: header.dataBytes) { buffer, filled in
      _ = UnsafeMutableBufferPointer(rebasing: buffer[..<first.count]).update(fromContentsOf: first)
      let rest = UnsafeMutableRawBufferPointer(
        UnsafeMutableBufferPointer(rebasing: buffer[first.count..<header.dataBytes]))
      let count = try source.read(into: rest)
      guard count == rest.count else {
        throw InputError(path, "truncated: ends \(rest.count - count) bytes before its last number")
      }
      onBytes(UnsafeRawBufferPointer(rest))
      if header.isBigEndian { Self.swap(buffer, header.element.byteCount) }
      filled = header.dataBytes
    }
    self.header = header
    try checkNumbers()
  }

  private static func swap(_ buffer: UnsafeMutableBufferPointer<UInt8>, _ width: Int) {
    guard width > 1 else { return }
    for start in stride(from: 0, to: buffer.count - buffer.count % width, by: width) {
      for place in 0..<width / 2 { buffer.swapAt(start + place, start + width - 1 - place) }
    }
  }

  /// Throws for a number that no float32 can hold, with its row.
  private func checkNumbers() throws {
    let count = bytes.count / header.element.byteCount
    let found = bytes.withUnsafeBytes { $0.baseAddress.flatMap { header.element.firstNotFinite($0, count) } }
    guard let found else { return }
    throw InputError(path, "row \(found.index / max(rowWidth, 1)): \(found.value) is no finite number of float32")
  }

  /// All numbers as integers, of an array of those.
  func integers() -> [Int64] { bytes.withUnsafeBytes(header.element.integers) }

  /// All numbers, widened.
  func numbers() -> [Double] {
    if header.element.isInteger { return integers().map { Double($0) } }
    let count = bytes.count / header.element.byteCount
    return [Float](unsafeUninitializedCapacity: count) { buffer, filled in
      bytes.withUnsafeBytes { raw in
        if let from = raw.baseAddress, let to = buffer.baseAddress { header.element.decode(from, count, into: to) }
      }
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
