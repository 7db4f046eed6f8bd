import CHDF5

/// Reading datasets: what a dataset declares is held against what the file can hold before a byte is allocated.
extension HDF5File {
  /// The sizes of the dataset's axes; empty for a single number.
  public func shape(of path: String) throws -> [Int] {
    try perform(on: path) { session, file in
      try shape(ofDataset: openDataset(path, session, file), session)
    }
  }

  /// What a dataset's elements are; throws where there is none, or of a type that is not read.
  public func elementType(of path: String) throws -> HDF5ElementType {
    try perform(on: path) { session, file in
      try elementType(ofDataset: openDataset(path, session, file), session)
    }
  }

  /// The shape of the dataset's chunks; nil when it is not chunked.
  public func chunk(of path: String) throws -> [Int]? {
    try perform(on: path) { session, file in
      let dataset = try openDataset(path, session, file)
      let creation = try session.own(H5Dget_create_plist(dataset), H5Pclose, "reading the layout")
      return try chunk(creation, session)
    }
  }

  /// All numbers of the dataset at `path`, in row-major order.
  ///
  /// Numbers stored in another type are converted as libhdf5 does it: values out of range become the nearest.
  /// - Throws: `HDF5Error`: `.wrongType` for what are no numbers, `.damaged` when a checksum does not match,
  ///   `.refused` for absurd sizes and data in other files.
  public func read<T: HDF5Element>(_ path: String, as type: T.Type = T.self) throws -> [T] {
    try perform(on: path) { session, file in
      let dataset = try openDataset(path, session, file)
      let count = try numberCount(dataset, session)
      try checkChunks(dataset, session)
      return try [T](unsafeUninitializedCapacity: count) { buffer, filled in
        guard count > 0 else { return }
        let status = H5Dread(dataset, T.hdf5ElementType.nativeNumber, 0, 0, 0, buffer.baseAddress)
        try session.check(status, "reading")
        filled = count
      }
    }
  }

  /// Reads the rows `rows` (along axis 0) of the dataset at `path` into `buffer`, which must have their very size.
  ///
  /// Ranges that begin and end with chunks are cheapest: every chunk that a range touches is read whole.
  public func read<T: HDF5Element>(
    _ path: String, rows: Range<Int>, into buffer: UnsafeMutableBufferPointer<T>
  ) throws {
    try perform(on: path) { session, file in
      let dataset = try openDataset(path, session, file)
      _ = try numberCount(dataset, session)
      try read(dataset, shape(ofDataset: dataset, session), rows, into: buffer, session)
    }
  }

  /// Reads rows of an open dataset that was looked at already.
  func read<T: HDF5Element>(
    _ dataset: hid_t, _ shape: [Int], _ rows: Range<Int>, into buffer: UnsafeMutableBufferPointer<T>,
    _ session: HDF5Session
  ) throws {
    guard let rowCount = shape.first, rows.lowerBound >= 0, rows.upperBound <= rowCount else {
      throw session.error(.misuse, "rows \(rows) are not within the shape \(shape)")
    }
    let selected = [rows.count] + shape.dropFirst()
    guard let count = elementCount(selected), count == buffer.count else {
      throw session.error(.misuse, "\(rows.count) rows of the shape \(shape) do not fit \(buffer.count) elements")
    }
    guard count > 0 else { return }
    try read(dataset, shape, rows, as: T.hdf5ElementType.nativeNumber, into: buffer.baseAddress, session)
  }

  /// Reads rows that are within the shape to a place with room for them, as elements of the given type.
  func read(
    _ dataset: hid_t, _ shape: [Int], _ rows: Range<Int>, as type: hid_t, into place: UnsafeMutableRawPointer?,
    _ session: HDF5Session
  ) throws {
    try checkChunks(dataset, rows: rows, session)
    let start = [hsize_t(rows.lowerBound)] + shape.dropFirst().map { _ in 0 }
    let sizes = ([rows.count] + shape.dropFirst()).map { hsize_t($0) }
    let space = try session.own(H5Dget_space(dataset), H5Sclose, "reading the shape")
    try session.check(H5Sselect_hyperslab(space, H5S_SELECT_SET, start, nil, sizes, nil), "selecting rows")
    // Of the same rank as the dataset: else libhdf5 maps element by element, a hundred times slower.
    let memory = try session.own(H5Screate_simple(Int32(sizes.count), sizes, nil), H5Sclose, "selecting rows")
    try session.check(H5Dread(dataset, type, memory, space, 0, place), "reading rows \(rows)")
  }

  /// The number of elements, for a dataset of numbers that the file can hold.
  func numberCount(_ dataset: hid_t, _ session: HDF5Session) throws -> Int {
    let type = try elementType(ofDataset: dataset, session)
    guard type.isNumber else { throw session.error(.wrongType, "holds \(type), not numbers") }
    return try guardedCount(dataset, session)
  }

  func elementType(ofDataset dataset: hid_t, _ session: HDF5Session) throws -> HDF5ElementType {
    HDF5ElementType(of: try session.own(H5Dget_type(dataset), H5Tclose, "reading the type"))
  }

  func shape(ofDataset dataset: hid_t, _ session: HDF5Session) throws -> [Int] {
    try shape(ofSpace: session.own(H5Dget_space(dataset), H5Sclose, "reading the shape"), session)
  }

  func shape(ofSpace space: hid_t, _ session: HDF5Session) throws -> [Int] {
    // A null space, which holds no element at all.
    if H5Sget_simple_extent_type(space) == H5S_NULL { return [0] }
    let rank = Int(try session.check(H5Sget_simple_extent_ndims(space), "reading the shape"))
    var sizes = [hsize_t](repeating: 0, count: rank)
    if rank > 0 { try session.check(H5Sget_simple_extent_dims(space, &sizes, nil), "reading the shape") }
    return try sizes.map { size in
      guard let size = Int(exactly: size) else { throw session.error(.refused, "declares the absurd size \(size)") }
      return size
    }
  }

  func chunk(_ creation: hid_t, _ session: HDF5Session) throws -> [Int]? {
    guard H5Pget_layout(creation) == H5D_CHUNKED else { return nil }
    var sizes = [hsize_t](repeating: 0, count: Int(H5S_MAX_RANK))
    let rank = try session.check(H5Pget_chunk(creation, Int32(sizes.count), &sizes), "reading the layout")
    return try sizes.prefix(Int(rank)).map { size in
      guard let size = Int(exactly: size) else { throw session.error(.refused, "declares chunks of size \(size)") }
      return size
    }
  }
}
