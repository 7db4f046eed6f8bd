import CHDF5

/// A dataset of numbers that is kept open, of which ranges of rows (along axis 0) are read. What it declares is held against
/// what the file can hold once, not at every read.
///
/// Safe to use from several threads; their calls take turns.
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

  init(_ file: HDF5File, _ path: String) throws {
    (self.file, self.path) = (file, path)
    (dataset, shape, elementType, chunk, isFiltered) = try file.perform(on: path) { session, id in
      let dataset = try file.openDataset(path, session, id)
      _ = try file.numberCount(dataset, session)
      let creation = try session.own(H5Dget_create_plist(dataset), H5Pclose, "reading the layout")
      let shape = try file.shape(ofDataset: dataset, session)
      let type = try file.elementType(ofDataset: dataset, session)
      let (chunk, filters) = (try file.chunk(creation, session), try file.filters(creation, session))
      // The session closes its own handle; this one stays.
      try session.check(H5Iinc_ref(dataset), "opening")
      return (dataset, shape, type, chunk, !filters.isEmpty)
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
    try file.perform(on: path) { session, _ in
      let outcome = Result { try file.read(dataset, shape, rows, into: buffer, session) }
      // Whatever was read then, or could not be.
      if file.hasChanged { throw session.error(.damaged, "the file was changed while it was read") }
      try outcome.get()
    }
  }
}

extension HDF5File {
  /// The dataset of numbers at `path`, kept open to read rows of it.
  public func rows(of path: String) throws -> HDF5Rows { try HDF5Rows(self, path) }
}
