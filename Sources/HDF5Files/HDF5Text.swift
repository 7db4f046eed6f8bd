import CHDF5
import Glibc

/// Text in HDF5's two forms: strings padded to one length, and strings of their own length in a heap.
extension HDF5File {
  /// Reads `count` strings of the type `type`; `read` fills a buffer with elements of the dataset or attribute, as the type
  /// that it is given.
  /// - Throws: `HDF5Error` `.damaged` for text that is no UTF-8, `.refused` for more of it than the file can hold.
  func strings(
    of type: hid_t, space: hid_t, count: Int, _ session: HDF5Session, read: (hid_t, UnsafeMutableRawPointer) -> herr_t
  ) throws -> [String] {
    guard count > 0 else { return [] }
    guard try session.check(H5Tis_variable_str(type), "reading the type") > 0 else {
      return try session.paddedStrings(type, count) { read(type, $0) }
    }
    // What this process has put together itself is believed.
    if isWritable { return try session.variableStrings(type, space, count) { read(type, $0) } }
    return try referencedStrings(count, session, read: read)
  }
}

extension HDF5Session {
  func paddedStrings(
    _ type: hid_t, _ count: Int, _ read: (UnsafeMutableRawPointer) -> herr_t
  ) throws -> [String] {
    let length = H5Tget_size(type)
    let isSpacePadded = H5Tget_strpad(type) == H5T_STR_SPACEPAD
    let (byteCount, overflow) = length.multipliedReportingOverflow(by: count)
    guard length > 0, !overflow else { throw error(.refused, "declares \(count) strings of \(length) bytes") }
    let bytes = try [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, filled in
      guard let start = buffer.baseAddress else { return }
      try check(read(start), "reading text")
      filled = byteCount
    }
    return try (0..<count).map { index in
      var text = bytes[index * length..<(index + 1) * length].prefix { $0 != 0 }
      while isSpacePadded, text.last == 0x20 { text.removeLast() }
      return try utf8(text, index)
    }
  }

  func variableStrings(
    _ type: hid_t, _ space: hid_t, _ count: Int, _ read: (UnsafeMutableRawPointer) -> herr_t
  ) throws -> [String] {
    var pointers = [UnsafeMutablePointer<CChar>?](repeating: nil, count: count)
    return try pointers.withUnsafeMutableBufferPointer { buffer in
      guard let start = buffer.baseAddress else { return [] }
      try check(read(start), "reading text")
      defer { _ = h5_free_strings(type, space, start) }
      return try buffer.enumerated().map { index, pointer in
        guard let pointer else { return "" }
        let bytes = UnsafeBufferPointer(start: pointer, count: strlen(pointer))
        return try utf8(bytes.lazy.map { UInt8(bitPattern: $0) }, index)
      }
    }
  }

  func utf8(_ bytes: some Sequence<UInt8>, _ index: Int) throws -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw error(.damaged, "string \(index) is no UTF-8 text")
    }
    return text
  }
}

extension HDF5File {
  /// Writes `values` as a new dataset of UTF-8 strings at `path`, in order.
  ///
  /// The strings are padded to the longest, compressed and guarded by Fletcher32, which does not cover the heap in
  /// which HDF5 keeps strings of varying length.
  public func writeStrings(_ values: [String], to path: String) throws {
    try perform(on: path, failure: .library) { session, file in
      let length = max(1, values.map(\.utf8.count).max() ?? 0)
      let (byteCount, overflow) = length.multipliedReportingOverflow(by: values.count)
      guard !overflow else { throw session.error(.misuse, "\(values.count) strings of \(length) bytes are too much") }
      var bytes = [UInt8](repeating: 0, count: byteCount)
      for (index, value) in values.enumerated() {
        guard !value.utf8.contains(0) else {
          throw session.error(.misuse, "string \(index) holds a zero byte, which HDF5 takes for its end")
        }
        for (offset, byte) in value.utf8.enumerated() { bytes[index * length + offset] = byte }
      }
      let type = try session.own(h5_new_string_type(length), H5Tclose, "preparing text")
      let layout = DatasetLayout(shape: [values.count], elementBytes: length, chunk: nil, compress: 1)
      try bytes.withUnsafeBytes {
        try create(path, type: type, count: values.count, layout: layout, from: $0.baseAddress, session, file)
      }
    }
  }

  /// The strings of the dataset at `path`, be they padded or of varying length.
  /// - Throws: `HDF5Error` `.wrongType` for what is no text, `.damaged` for what is no UTF-8.
  public func readStrings(_ path: String) throws -> [String] {
    try perform(on: path) { session, file in
      let dataset = try openDataset(path, session, file)
      let type = try session.own(H5Dget_type(dataset), H5Tclose, "reading the type")
      let kind = HDF5ElementType(of: type)
      guard kind == .string else { throw session.error(.wrongType, "holds \(kind), not text") }
      let count = try guardedCount(dataset, session)
      // In memory each takes 16 bytes at least, however well they are compressed.
      guard isWritable || count <= byteCount + HDF5File.freeRoom / 16 else {
        throw session.error(.refused, "declares \(count) strings, the file has \(byteCount) bytes")
      }
      try checkChunks(dataset, session)
      let space = try session.own(H5Dget_space(dataset), H5Sclose, "reading the shape")
      return try strings(of: type, space: space, count: count, session) { H5Dread(dataset, $0, 0, 0, 0, $1) }
    }
  }
}
