import CHDF5

/// Writing datasets into a file that is built.
extension HDF5File {
  /// Bytes that one chunk should hold at most: four of them fit libhdf5's cache, and each is one read from the disk.
  public static let chunkBytes = 256 << 10

  /// Writes `values`, in row-major order of `shape`, as a new dataset at `path`; missing groups above it are created.
  ///
  /// The dataset is chunked and carries Fletcher32 checksums, so that reading fails when a byte was flipped. Single
  /// numbers (an empty `shape`) lie within the metadata, which has checksums of its own.
  /// - Parameters:
  ///   - values: as many as the shape says.
  ///   - shape: the axes' sizes, outermost first.
  ///   - path: within the file, from `/` on.
  ///   - chunk: the chunks' shape; nil chooses one, `[]` asks for contiguous data without checksums.
  ///   - compress: zlib's level, 1…9; nil stores the numbers as they are.
  public func write<T: HDF5Element>(
    _ values: UnsafeBufferPointer<T>, shape: [Int], to path: String, chunk: [Int]? = nil, compress: Int? = nil
  ) throws {
    try perform(on: path, failure: .library) { session, file in
      let type = T.hdf5ElementType.nativeNumber
      let bytes = MemoryLayout<T>.stride
      let layout = DatasetLayout(shape: shape, elementBytes: bytes, chunk: chunk, compress: compress)
      try create(path, type: type, count: values.count, layout: layout, from: values.baseAddress, session, file)
    }
  }

  /// Writes a dataset in row-major order, with Fletcher-32 checksums; groups on the way are made.
  public func write<T: HDF5Element>(
    _ values: [T], shape: [Int], to path: String, chunk: [Int]? = nil, compress: Int? = nil
  ) throws {
    try values.withUnsafeBufferPointer {
      try write($0, shape: shape, to: path, chunk: chunk, compress: compress)
    }
  }

  /// How a new dataset lies in the file.
  struct DatasetLayout {
    let shape: [Int]
    let elementBytes: Int
    let chunk: [Int]?
    let compress: Int?
    /// libhdf5 has no filters for lists of varying length.
    var hasChecksums = true

    var isEmpty: Bool { shape.contains(0) }

    /// As many whole rows as fit `chunkBytes` (a power of two of them); where not even one does, parts of rows.
    /// For shapes without a zero.
    var chosenChunk: [Int] {
      var room = max(1, HDF5File.chunkBytes / elementBytes)
      var chunk = [Int](repeating: 1, count: shape.count)
      for axis in shape.indices.reversed() {
        guard room > 1 else { break }
        chunk[axis] = shape[axis] <= room ? shape[axis] : 1 << (Int.bitWidth - 1 - room.leadingZeroBitCount)
        room /= chunk[axis]
      }
      return chunk
    }
  }

  /// Creates a dataset of `count` elements and fills it from `values`.
  func create(
    _ path: String, type: hid_t, count: Int, layout: DatasetLayout, from values: UnsafeRawPointer?,
    _ session: HDF5Session, _ file: hid_t
  ) throws {
    guard elementCount(layout.shape) == count else {
      throw session.error(.misuse, "\(count) values do not fit the shape \(layout.shape)")
    }
    let dataset = try create(path, type: type, layout: layout, session, file)
    guard count > 0 else { return }
    try session.check(H5Dwrite(dataset, type, 0, 0, 0, values), "writing")
  }

  /// Creates a dataset whose elements come later.
  func create(
    _ path: String, type: hid_t, layout: DatasetLayout, _ session: HDF5Session, _ file: hid_t
  ) throws -> hid_t {
    try checkCreation(path, session, file)
    try createParents(of: path, session, file)
    let creation = try session.own(h5_new_dataset_creation(), H5Pclose, "preparing")
    try session.check(H5Pset_obj_track_times(creation, false), "preparing")
    try arrange(layout, creation, session)
    let sizes = layout.shape.map { hsize_t($0) }
    let space = try session.own(H5Screate_simple(Int32(sizes.count), sizes, nil), H5Sclose, "describing the shape")
    return try session.own(H5Dcreate2(file, path, type, space, 0, creation, 0), H5Dclose, "creating the dataset")
  }

  /// Sets chunks, filters and checksums, in that order: a checksum covers what is stored.
  private func arrange(_ layout: DatasetLayout, _ creation: hid_t, _ session: HDF5Session) throws {
    if layout.shape.isEmpty {
      try session.check(H5Pset_layout(creation, H5D_COMPACT), "preparing")
      return
    }
    // A dataset without elements has nothing to guard, and libhdf5 has no chunks of size zero.
    if layout.isEmpty { return }
    let chunk = layout.chunk ?? layout.chosenChunk
    if chunk.isEmpty { return }
    guard chunk.count == layout.shape.count, zip(chunk, layout.shape).allSatisfy({ 1...$1 ~= $0 }) else {
      throw session.error(.misuse, "chunks of \(chunk) do not fit the shape \(layout.shape)")
    }
    try session.check(H5Pset_chunk(creation, Int32(chunk.count), chunk.map { hsize_t($0) }), "setting chunks")
    if let level = layout.compress {
      guard 1...9 ~= level else { throw session.error(.misuse, "compression level \(level) is not in 1…9") }
      if layout.elementBytes > 1 { try session.check(H5Pset_shuffle(creation), "setting the shuffle filter") }
      try session.check(H5Pset_deflate(creation, UInt32(level)), "setting compression")
    }
    if layout.hasChecksums { try session.check(H5Pset_fletcher32(creation), "setting checksums") }
  }
}

/// The number of elements of `shape`; nil when a size is negative or the product overflows.
func elementCount(_ shape: [Int]) -> Int? {
  var count = 1
  for size in shape {
    let (product, overflow) = count.multipliedReportingOverflow(by: size)
    guard size >= 0, !overflow else { return nil }
    count = product
  }
  return count
}
