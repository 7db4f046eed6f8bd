import CHDF5

/// A dataset of numbers that is kept open, of which ranges of rows (along axis 0) are read. What it declares is held against
/// what the file can hold once, not at every read.
///
/// Safe to use from several threads. Chunks of whole rows are checked and unpacked by each of them; other calls take turns.
public final class HDF5Rows: @unchecked Sendable {
  /// The sizes of the dataset's axes.
  public let shape: [Int]
  /// What the elements are in the file.
  public let elementType: HDF5ElementType
  /// The shape of the chunks; nil for numbers that lie in one piece.
  public let chunk: [Int]?
  /// Whether chunks are compressed or carry checksums, so that each is read as a whole.
  public let isFiltered: Bool
  private let file: HDF5File
  private let path: String
  private let dataset: hid_t
  /// nil where libhdf5 does all.
  private let stored: StoredChunks?

  init(_ file: HDF5File, _ path: String) throws {
    (self.file, self.path) = (file, path)
    (dataset, shape, elementType, chunk, isFiltered, stored) = try file.perform(on: path) { session, id in
      let dataset = try file.openDataset(path, session, id)
      _ = try file.numberCount(dataset, session)
      let creation = try session.own(H5Dget_create_plist(dataset), H5Pclose, "reading the layout")
      let shape = try file.shape(ofDataset: dataset, session)
      let type = try file.elementType(ofDataset: dataset, session)
      let (chunk, filters) = (try file.chunk(creation, session), try file.filters(creation, session))
      let stored = try StoredChunks(file, dataset, type, shape: shape, session)
      // The session closes its own handle; this one stays.
      try session.check(H5Iinc_ref(dataset), "opening")
      return (dataset, shape, type, chunk, !filters.isEmpty, stored)
    }
  }

  deinit { HDF5Library.locked { _ = H5Idec_ref(dataset) } }

  /// Elements of a row.
  public var rowCount: Int { shape.first ?? 0 }
  /// Numbers of one row.
  public var numbersPerRow: Int { shape.dropFirst().reduce(1, *) }

  /// Reads rows into `buffer`, which must have their very size. Numbers of another type are converted as libhdf5 does it:
  /// values out of range become the nearest.
  /// - Throws: `HDF5Error` for rows that are damaged, and for a file that was written to since it was opened.
  public func read<T: HDF5Element>(_ rows: Range<Int>, into buffer: UnsafeMutableBufferPointer<T>) throws {
    let isOfChunks = T.hdf5ElementType == elementType && rows.lowerBound >= 0 && rows.upperBound <= rowCount
    if isOfChunks, let stored, buffer.count == rows.count * numbersPerRow,
      try stored.read(rows, into: UnsafeMutableRawBufferPointer(buffer), stored: bytes(ofChunkAt:most:))
    {
      if file.hasChanged { try file.perform(on: path) { session, _ in throw changed(session) } }
      return
    }
    try file.perform(on: path) { session, _ in
      let outcome = Result { try file.read(dataset, shape, rows, into: buffer, session) }
      // Whatever was read then, or could not be.
      if file.hasChanged { throw changed(session) }
      try outcome.get()
    }
  }

  private func changed(_ session: HDF5Session) -> HDF5Error {
    session.error(.damaged, "the file was changed while it was read")
  }

  /// A chunk as it lies in the file; nil where there is none, or one of more than `most` bytes or without some filter.
  private func bytes(ofChunkAt row: Int, most: Int) throws -> [UInt8]? {
    try file.perform(on: path) { _, _ in
      let offset = [hsize_t(row)] + shape.dropFirst().map { _ in 0 }
      var (size, mask) = (hsize_t(0), UInt32(0))
      guard H5Dget_chunk_storage_size(dataset, offset, &size) >= 0, size > 0, size <= hsize_t(most) else { return nil }
      var status: herr_t = -1
      let bytes = [UInt8](unsafeUninitializedCapacity: Int(size)) { buffer, filled in
        status = H5Dread_chunk(dataset, 0, offset, &mask, buffer.baseAddress)
        filled = status >= 0 ? Int(size) : 0
      }
      return status >= 0 && mask == 0 ? bytes : nil
    }
  }
}

extension HDF5File {
  /// The dataset of numbers at `path`, kept open to read rows of it.
  public func rows(of path: String) throws -> HDF5Rows { try HDF5Rows(self, path) }
}
