import CHDF5

/// Datasets of lists of bytes, each of a length of its own: whole files of another format, say, which h5py gives back as
/// `vlen_dtype(numpy.uint8)`. HDF5 has no checksums for them: whoever writes them keeps digests of them.
extension HDF5File {
  /// Lists of a chunk: 16 kilobytes of references, which are read to find one of them.
  private static let listsPerChunk = 1024

  /// A new dataset for at most so many lists, which come with `write(lists:lengths:atRow:of:)`.
  public func createByteLists(_ path: String, count: Int) throws {
    try perform(on: path, failure: .library) { session, file in
      let type = try session.own(h5_new_list_type(), H5Tclose, "preparing")
      let chunk = [max(1, min(count, HDF5File.listsPerChunk))]
      var layout = DatasetLayout(shape: [count], elementBytes: TextReference.byteCount, chunk: chunk, compress: nil)
      layout.hasChecksums = false
      _ = try create(path, type: type, layout: layout, session, file)
    }
  }

  /// Writes some lists, which lie one behind the other in `bytes`, the first of them at `row`. Some hundreds at a time are cheapest.
  public func write(lists bytes: UnsafeRawBufferPointer, lengths: [Int], atRow row: Int, of path: String) throws {
    try perform(on: path, failure: .library) { session, file in
      let (dataset, shape) = try openRows(path, session, file)
      let isWithin = shape.count == 1 && row >= 0 && lengths.count <= shape[0] && row <= shape[0] - lengths.count
      guard isWithin, lengths.allSatisfy({ $0 >= 0 }), lengths.reduce(0, +) == bytes.count else {
        throw session.error(.misuse, "\(lengths.count) lists at \(row) do not fit \(shape) and \(bytes.count) bytes")
      }
      guard !lengths.isEmpty else { return }
      var start = 0
      let lists = lengths.map { length in
        defer { start += length }
        return hvl_t(len: length, p: UnsafeMutableRawPointer(mutating: bytes.baseAddress.map { $0 + start }))
      }
      let type = try session.own(h5_new_list_type(), H5Tclose, "preparing")
      let (space, memory) = try select(row, lengths.count, shape, dataset, session)
      try session.check(H5Dwrite(dataset, type, memory, space, 0, lists), "writing")
    }
  }

  /// The lists of bytes at `path`, kept open to read some of them.
  public func byteLists(of path: String) throws -> HDF5ByteLists { try HDF5ByteLists(self, path) }
}
