import HDF5Files

/// Writes an array of a split as its rows come, in whole chunks and with their digests: only one chunk of it lies in memory.
final class ArrayWriter<Number: HDF5Element> {
  private let file: HDF5File
  private let split: String
  private let name: String
  private let rowShape: [Int]
  private let storedType: HDF5ElementType
  private let chunkRows: Int
  private let compress: Int?
  /// Rows that are expected; fewer may come.
  private let most: Int
  private var pending: [Number] = []
  private var digests: ChunkDigests
  private let isDigested: Bool
  private var rowsWritten = 0

  private var path: String { "/\(split)/\(name)" }
  private var rowCount: Int { rowShape.reduce(1, *) }
  /// Rows that have come.
  var count: Int { rowsWritten + pending.count / max(rowCount, 1) }

  /// - Parameters:
  ///   - rowShape: of one row.
  ///   - count: rows that will come at most.
  ///   - storedType: what the numbers are in the file; nil for what they are in memory.
  ///   - chunkRows: rows of a chunk, the same in all arrays of the split.
  ///   - isDigested: whether the file gets digests of the chunks.
  init(
    _ file: HDF5File, _ split: String, _ name: String, rowShape: [Int], count: Int,
    storedAs storedType: HDF5ElementType? = nil, chunkRows: Int, _ storage: ArrayStorage,
    isDigested: Bool = true
  ) {
    self.isDigested = isDigested
    (self.file, self.split, self.name, self.rowShape) = (file, split, name, rowShape)
    (self.storedType, self.chunkRows, compress) = (storedType ?? Number.hdf5ElementType, chunkRows, storage.compress)
    most = count
    digests = ChunkDigests(rows: chunkRows, of: Number.hdf5ElementType)
  }

  /// The next numbers, be they whole rows or not.
  func append(_ numbers: UnsafeBufferPointer<Number>) throws {
    let chunk = chunkRows * rowCount
    var rest = numbers
    while !rest.isEmpty {
      if pending.isEmpty && rest.count >= chunk {
        // A whole chunk need not be copied.
        try write(UnsafeBufferPointer(rebasing: rest[..<chunk]))
        rest = UnsafeBufferPointer(rebasing: rest[chunk...])
        continue
      }
      if pending.isEmpty { pending.reserveCapacity(chunk) }
      let some = min(chunk - pending.count, rest.count)
      pending += rest[..<some]
      rest = UnsafeBufferPointer(rebasing: rest[some...])
      if pending.count == chunk { try flush() }
    }
  }

  func append(_ numbers: [Number]) throws { try numbers.withUnsafeBufferPointer { try append($0) } }

  private func flush() throws {
    try pending.withUnsafeBufferPointer { try write($0) }
    pending.removeAll(keepingCapacity: true)
  }

  private func create() throws {
    let shape = [most] + rowShape
    if shape.contains(0) {
      try file.createRows(path, of: storedType, shape: shape, chunk: [])
    } else {
      try file.createRows(path, of: storedType, shape: shape, chunk: [chunkRows] + rowShape, compress: compress)
    }
  }

  private func write(_ rows: UnsafeBufferPointer<Number>) throws {
    if rowsWritten == 0 { try create() }
    digests.append(UnsafeRawBufferPointer(rows))
    try file.write(rows, atRow: rowsWritten, of: path)
    rowsWritten += rows.count / rowCount
  }

  /// Writes what is left, and the digests; the CRC-32 of all.
  /// - Throws: `InputError` for an array so uniform that what is left of it would not be believed when it is read.
  func finish() throws -> UInt {
    precondition(rowCount == 0 || pending.count % rowCount == 0, "\(path): half a row")
    if pending.isEmpty && rowsWritten == 0 { try create() } else if !pending.isEmpty { try flush() }
    if rowsWritten < most { try file.shorten(path, toRows: rowsWritten) }
    if compress != nil, rowsWritten > 0 {
      let stored = try file.storedBytes(of: path)
      let bytes = rowsWritten * rowCount * (storedType.byteCount ?? 1)
      guard HDF5File.isBelieved(bytes, stored: stored) else {
        throw InputError(
          file.path,
          "\(path): \(bytes) bytes become \(stored), which no reader would believe; --compression none keeps them",
          kind: .usage)
      }
    }
    if isDigested { try digests.write(file, split, name) }
    return digests.combined(rowBytes: rowCount * MemoryLayout<Number>.stride, count: rowsWritten)
  }
}
