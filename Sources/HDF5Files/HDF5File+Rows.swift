import CHDF5

/// Datasets whose rows come one after another.
extension HDF5File {
  /// A new dataset whose rows come with `write(_:atRow:of:)`.
  /// - Parameters:
  ///   - path: within the file, from `/` on.
  ///   - type: what the numbers are in the file; those that come are converted.
  ///   - shape: the axes' sizes, outermost first.
  ///   - chunk: the chunks' shape, as large as the rows that will come together.
  ///   - compress: zlib's level, 1…9; nil stores the numbers as they are.
  public func createRows(
    _ path: String, of type: HDF5ElementType, shape: [Int], chunk: [Int], compress: Int? = nil
  ) throws {
    try perform(on: path, failure: .library) { session, file in
      guard type.isNumber, elementCount(shape) != nil, !shape.isEmpty else {
        throw session.error(.misuse, "can't have rows of \(type) and the shape \(shape)")
      }
      let layout = DatasetLayout(shape: shape, elementBytes: type.byteCount ?? 1, chunk: chunk, compress: compress)
      _ = try create(path, type: type.nativeNumber, layout: layout, session, file)
    }
  }

  /// Writes some of the rows of the dataset at `path`, the first of them at `row`. Each chunk is best written once, whole.
  public func write<T: HDF5Element>(_ rows: UnsafeBufferPointer<T>, atRow row: Int, of path: String) throws {
    try perform(on: path, failure: .library) { session, file in
      let (dataset, shape) = try openRows(path, session, file)
      let rowCount = shape.dropFirst().reduce(1, *)
      let count = rowCount > 0 ? rows.count / rowCount : 0
      guard row >= 0, count * rowCount == rows.count, count <= shape[0], row <= shape[0] - count else {
        throw session.error(.misuse, "\(rows.count) numbers are no rows at \(row) of the shape \(shape)")
      }
      guard count > 0 else { return }
      let (space, memory) = try select(row, count, shape, dataset, session)
      let status = H5Dwrite(dataset, T.hdf5ElementType.nativeNumber, memory, space, 0, rows.baseAddress)
      try session.check(status, "writing")
    }
  }

  /// Leaves only the first `count` rows of a dataset that is written in chunks.
  public func shorten(_ path: String, toRows count: Int) throws {
    try perform(on: path, failure: .library) { session, file in
      let (dataset, shape) = try openRows(path, session, file)
      guard 0...shape[0] ~= count else { throw session.error(.misuse, "\(count) rows of the shape \(shape)") }
      let sizes = ([count] + shape.dropFirst()).map { hsize_t($0) }
      try session.check(H5Dset_extent(dataset, sizes), "shortening")
    }
  }

  /// Bytes that the dataset at `path` takes in the file.
  public func storedBytes(of path: String) throws -> Int {
    try perform(on: path) { session, file in
      Int(clamping: H5Dget_storage_size(try openDataset(path, session, file)))
    }
  }

  func openRows(_ path: String, _ session: HDF5Session, _ file: hid_t) throws -> (hid_t, [Int]) {
    guard isWritable else { throw session.error(.misuse, "the file is open for reading only") }
    let dataset = try openDataset(path, session, file)
    let shape = try shape(ofDataset: dataset, session)
    guard !shape.isEmpty else { throw session.error(.misuse, "has no rows") }
    return (dataset, shape)
  }

  /// `count` rows from `row` on, in the file and in memory; of the same rank, or else libhdf5 goes number by number.
  func select(
    _ row: Int, _ count: Int, _ shape: [Int], _ dataset: hid_t, _ session: HDF5Session
  ) throws -> (file: hid_t, memory: hid_t) {
    let start = [hsize_t(row)] + shape.dropFirst().map { _ in 0 }
    let sizes = ([count] + shape.dropFirst()).map { hsize_t($0) }
    let space = try session.own(H5Dget_space(dataset), H5Sclose, "reading the shape")
    try session.check(H5Sselect_hyperslab(space, H5S_SELECT_SET, start, nil, sizes, nil), "selecting rows")
    let memory = try session.own(H5Screate_simple(Int32(sizes.count), sizes, nil), H5Sclose, "selecting rows")
    return (space, memory)
  }
}

extension HDF5File {
  /// How the numbers of a dataset lie in the file: "chunks of 256 rows, gzip, Fletcher32", say.
  public func storage(of path: String) throws -> String {
    try perform(on: path) { session, file in
      let dataset = try openDataset(path, session, file)
      let creation = try session.own(H5Dget_create_plist(dataset), H5Pclose, "reading the layout")
      guard let chunk = try chunk(creation, session) else { return "in one piece" }
      let shape = try shape(ofDataset: dataset, session)
      let isOfRows = chunk.dropFirst().elementsEqual(shape.dropFirst())
      let extent = isOfRows ? "\(chunk[0]) row\(chunk[0] == 1 ? "" : "s")" : "\(chunk)"
      let names = [H5Z_FILTER_SHUFFLE: "shuffle", H5Z_FILTER_DEFLATE: "gzip", H5Z_FILTER_FLETCHER32: "Fletcher32"]
      let filters = try filters(creation, session).compactMap { names[$0] }
      return (["chunks of \(extent)"] + filters).joined(separator: ", ")
    }
  }
}
