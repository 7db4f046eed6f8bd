import CHDF5

/// Texts that come one after another.
extension HDF5File {
  /// A new dataset `[count]` of texts of at most `length` bytes, which come with `writeStrings(_:atRow:of:)`.
  public func createStringRows(_ path: String, count: Int, length: Int, chunkRows: Int) throws {
    try perform(on: path, failure: .library) { session, file in
      let length = max(length, 1)
      let type = try session.own(h5_new_string_type(length), H5Tclose, "preparing text")
      let layout = DatasetLayout(shape: [count], elementBytes: length, chunk: count > 0 ? [chunkRows] : [], compress: 1)
      _ = try create(path, type: type, layout: layout, session, file)
    }
  }

  /// Writes some of the texts of such a dataset, the first of them at `row`. Each chunk is best written once, whole.
  public func writeStrings(_ values: [String], atRow row: Int, of path: String) throws {
    try perform(on: path, failure: .library) { session, file in
      let (dataset, shape) = try openRows(path, session, file)
      let type = try session.own(H5Dget_type(dataset), H5Tclose, "reading the type")
      let length = H5Tget_size(type)
      guard shape.count == 1, row >= 0, values.count <= shape[0], row <= shape[0] - values.count,
        values.allSatisfy({ $0.utf8.count <= length && !$0.utf8.contains(0) })
      else {
        throw session.error(.misuse, "\(values.count) texts are no rows at \(row) of \(shape), or hold zero bytes")
      }
      guard !values.isEmpty else { return }
      var bytes = [UInt8](repeating: 0, count: values.count * length)
      for (index, value) in values.enumerated() {
        for (offset, byte) in value.utf8.enumerated() { bytes[index * length + offset] = byte }
      }
      let (space, memory) = try select(row, values.count, shape, dataset, session)
      try session.check(H5Dwrite(dataset, type, memory, space, 0, bytes), "writing")
    }
  }
}
