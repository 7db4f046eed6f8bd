import CHDF5
import CZlib

/// Chunks of whole rows as they are stored. libhdf5, of which one call at a time runs in a process, only finds their bytes;
/// they are checked and unpacked outside of its lock, by as many threads as read.
///
/// What is not as it should be is left to libhdf5, which says what is wrong.
struct StoredChunks {
  /// Rows of a chunk, and bytes of a row.
  let rows, rowBytes: Int
  /// As they were applied.
  private let filters: [H5Z_filter_t]
  /// Whose bytes the shuffle filter has sorted.
  private let elementBytes: Int

  private var chunkBytes: Int { rows * rowBytes }

  /// nil for chunks that are no whole rows, or whose numbers are not in the file as they are in memory.
  init?(_ file: HDF5File, _ dataset: hid_t, _ type: HDF5ElementType, shape: [Int], _ session: HDF5Session) throws {
    let creation = try session.own(H5Dget_create_plist(dataset), H5Pclose, "reading the layout")
    let stored = try session.own(H5Dget_type(dataset), H5Tclose, "reading the type")
    guard !file.isWritable, let elementBytes = type.byteCount, H5Tequal(stored, type.nativeNumber) > 0,
      let chunk = try file.chunk(creation, session), let rows = chunk.first, rows > 0,
      chunk.dropFirst().elementsEqual(shape.dropFirst()), let count = elementCount(chunk),
      !count.multipliedReportingOverflow(by: elementBytes).overflow
    else { return nil }
    filters = try file.filters(creation, session)
    if filters.contains(H5Z_FILTER_SHUFFLE) {
      var (flags, configuration, count, value) = (UInt32(0), UInt32(0), 1, UInt32(0))
      let status = H5Pget_filter_by_id2(
        creation, H5Z_FILTER_SHUFFLE, &flags, &count, &value, 0, nil, &configuration)
      guard status >= 0, count == 1, Int(value) == elementBytes else { return nil }
    }
    (self.rows, self.elementBytes) = (rows, elementBytes)
    rowBytes = count / rows * elementBytes
  }

  /// Reads rows of chunks whose bytes `stored` gives: those of the chunk that begins with a row, if there are such.
  /// - Returns: Whether all of them could be read.
  func read(
    _ wanted: Range<Int>, into target: UnsafeMutableRawBufferPointer,
    stored: (_ row: Int, _ most: Int) throws -> [UInt8]?
  ) rethrows -> Bool {
    var row = wanted.lowerBound
    while row < wanted.upperBound {
      let first = row / rows * rows
      let some = row..<min(first + rows, wanted.upperBound)
      guard let chunk = try stored(first, mostStored).flatMap(unpacked) else { return false }
      chunk.withUnsafeBytes { chunk in
        let (from, to) = ((some.lowerBound - first) * rowBytes, (some.lowerBound - wanted.lowerBound) * rowBytes)
        let bytes = UnsafeRawBufferPointer(rebasing: chunk[from..<from + some.count * rowBytes])
        UnsafeMutableRawBufferPointer(rebasing: target[to...]).copyMemory(from: bytes)
      }
      row = some.upperBound
    }
    return true
  }

  /// What can't be made smaller takes a little more when it is packed.
  private var mostStored: Int { chunkBytes + chunkBytes / 100 + 1024 }

  /// A chunk as it is in memory; nil where its checksum is another one, or it is of another size.
  private func unpacked(_ stored: [UInt8]) -> [UInt8]? {
    var bytes = stored
    for (index, filter) in filters.enumerated().reversed() {
      switch filter {
      case H5Z_FILTER_FLETCHER32:
        guard Self.stripChecksum(&bytes) else { return nil }
      case H5Z_FILTER_DEFLATE:
        guard let inflated = Self.inflated(bytes, most: chunkBytes + Fletcher32.byteCount * index) else { return nil }
        bytes = inflated
      default: bytes = unshuffled(bytes)
      }
    }
    return bytes.count == chunkBytes ? bytes : nil
  }

  private static func stripChecksum(_ bytes: inout [UInt8]) -> Bool {
    let count = bytes.count - Fletcher32.byteCount
    guard count >= 0 else { return false }
    let isRight = bytes.withUnsafeBytes { bytes in
      let found = Fletcher32.value(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
      return UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: count, as: UInt32.self)) == found
    }
    bytes.removeLast(Fletcher32.byteCount)
    return isRight
  }

  /// nil for what is no whole stream of zlib's, or more than `most` bytes.
  private static func inflated(_ packed: [UInt8], most: Int) -> [UInt8]? {
    guard let packedCount = UInt32(exactly: packed.count), let room = UInt32(exactly: most) else { return nil }
    // zlib wants it to stay where it is.
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    defer { stream.deallocate() }
    stream.initialize(to: z_stream())
    guard zlib_begin(stream) == Z_OK else { return nil }
    defer { inflateEnd(stream) }
    var isWhole = false
    let bytes = [UInt8](unsafeUninitializedCapacity: most) { buffer, filled in
      packed.withUnsafeBufferPointer { packed in
        stream.pointee.next_in = UnsafeMutablePointer(mutating: packed.baseAddress)
        stream.pointee.avail_in = packedCount
        (stream.pointee.next_out, stream.pointee.avail_out) = (buffer.baseAddress, room)
        isWhole = inflate(stream, Z_FINISH) == Z_STREAM_END
      }
      filled = most - Int(stream.pointee.avail_out)
    }
    return isWhole ? bytes : nil
  }

  /// The shuffle filter keeps the first bytes of all elements together, then the second ones, and so on.
  private func unshuffled(_ bytes: [UInt8]) -> [UInt8] {
    let count = bytes.count / elementBytes
    guard elementBytes > 1, count > 1 else { return bytes }
    return [UInt8](unsafeUninitializedCapacity: bytes.count) { target, filled in
      bytes.withUnsafeBufferPointer { source in
        for byte in 0..<elementBytes {
          let plane = UnsafeBufferPointer(rebasing: source[byte * count..<(byte + 1) * count])
          for element in 0..<count { target[element * elementBytes + byte] = plane[element] }
        }
        // What is no whole element stays where it is.
        for rest in elementBytes * count..<source.count { target[rest] = source[rest] }
      }
      filled = bytes.count
    }
  }
}
