import CHDF5

/// Datasets of text: UTF-8, padded with zero bytes to the longest, so that their bytes are covered by checksums as numbers
/// are.
extension HDF5File {
  /// Writes `texts` as a new dataset `[texts.count]` at `path`.
  public func write(_ texts: [String], to path: String) throws {
    let length = (texts.map(\.utf8.count).max() ?? 0) + 1
    var bytes = [UInt8](repeating: 0, count: texts.count * length)
    for (row, text) in texts.enumerated() {
      for (column, byte) in text.utf8.enumerated() { bytes[row * length + column] = byte }
    }
    try perform(on: path, failure: .library) { session, file in
      guard !texts.contains(where: { $0.utf8.contains(0) }) else {
        throw session.error(.misuse, "text can't hold a zero byte, which HDF5 takes for its end")
      }
      let type = try session.own(h5_new_string_type(length), H5Tclose, "preparing text")
      let layout = DatasetLayout(shape: [texts.count], elementBytes: length, chunk: nil, compress: nil)
      try create(path, type: type, count: texts.count, layout: layout, from: bytes, session, file)
    }
  }
}
