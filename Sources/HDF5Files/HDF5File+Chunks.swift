import CHDF5
import CZlib

/// Guards around filters: libhdf5 unpacks a chunk to whatever its bytes come to, and loads a program for a filter that it
/// does not know.
extension HDF5File {
  /// Of the filters that h5py offers by itself, those that are read. Others would need a plugin.
  private static let allowedFilters = [H5Z_FILTER_DEFLATE, H5Z_FILTER_SHUFFLE, H5Z_FILTER_FLETCHER32]
  /// Deflate makes zeros 1032 times smaller and real data hardly ten times. Beyond this factor, and the room below, a file
  /// is not believed.
  private static let believableCompression = 200
  /// libhdf5 holds a chunk while its numbers are copied, so that the memory is twice as much.
  static let freeRoom = 24 << 20

  /// The filters of a dataset, in the order in which they were applied.
  /// - Throws: `HDF5Error` `.refused` for one that is not on the list.
  func filters(_ creation: hid_t, _ session: HDF5Session) throws -> [H5Z_filter_t] {
    let count = try session.check(H5Pget_nfilters(creation), "reading the filters")
    let filters = try (0..<UInt32(count)).map { index in
      var (flags, configuration, values) = (UInt32(0), UInt32(0), 0)
      let filter = H5Pget_filter2(creation, index, &flags, &values, nil, 0, nil, &configuration)
      return try session.check(filter, "reading the filters")
    }
    if let stranger = filters.first(where: { !HDF5File.allowedFilters.contains($0) }) {
      throw session.error(
        .refused, "needs the filter \(stranger); Lockstep reads gzip (1), shuffle (2) and Fletcher32 (3)")
    }
    guard filters.count(where: { $0 == H5Z_FILTER_DEFLATE }) <= 1 else {
      throw session.error(.refused, "is compressed more than once")
    }
    return filters
  }

  /// The most bytes that `stored` ones are believed to unpack to.
  func mostUnpacked(_ stored: Int, _ filters: [H5Z_filter_t]) -> Int {
    guard filters.contains(H5Z_FILTER_DEFLATE) else { return stored }
    let (product, overflow) = stored.multipliedReportingOverflow(by: HDF5File.believableCompression)
    return overflow ? .max : product.addingReportingOverflow(HDF5File.freeRoom).partialValue
  }

  /// Whether compressed numbers that unpack to so many bytes can be read.
  public static func isBelieved(_ bytes: Int, stored: Int) -> Bool {
    bytes <= stored.multipliedReportingOverflow(by: believableCompression).partialValue + freeRoom
  }

  /// Throws when a compressed chunk of `rows` (nil for all) unpacks to more than a chunk's bytes.
  ///
  /// It costs unpacking such chunks twice; numbers that are not compressed cost nothing.
  func checkChunks(_ dataset: hid_t, rows: Range<Int>? = nil, _ session: HDF5Session) throws {
    guard !isWritable else { return }
    let creation = try session.own(H5Dget_create_plist(dataset), H5Pclose, "reading the layout")
    let filters = try filters(creation, session)
    guard let chunk = try chunk(creation, session), let packing = filters.firstIndex(of: H5Z_FILTER_DEFLATE) else {
      return
    }
    let shape = try shape(ofDataset: dataset, session)
    let type = try session.own(H5Dget_type(dataset), H5Tclose, "reading the type")
    // Checksums within, of four bytes each, are packed with the numbers.
    let most = chunk.reduce(storedBytes(of: type), *) + 4 * packing
    var ranges = zip(shape, chunk).map { 0..<($0 + $1 - 1) / $1 }
    if let rows { ranges[0] = rows.lowerBound / chunk[0]..<(rows.upperBound + chunk[0] - 1) / chunk[0] }
    var place = ranges.map(\.lowerBound)
    var packed: [UInt8] = []
    while !ranges.contains(where: \.isEmpty) {
      let offset = zip(place, chunk).map { hsize_t($0 * $1) }
      if try read(dataset, offset, filter: packing, into: &packed, session), HDF5File.unpacks(packed, beyond: most) {
        throw session.error(.refused, "its chunk at \(offset) unpacks to more than the \(most) bytes of a chunk")
      }
      guard HDF5File.advance(&place, in: ranges) else { return }
    }
  }

  /// Reads a chunk as it is stored; false where there is none, or where it was left unpacked.
  private func read(
    _ dataset: hid_t, _ offset: [hsize_t], filter: Int, into packed: inout [UInt8], _ session: HDF5Session
  ) throws -> Bool {
    var (stored, mask) = (hsize_t(0), UInt32(0))
    // libhdf5 calls a chunk that was never written an error.
    guard H5Dget_chunk_storage_size(dataset, offset, &stored) >= 0, stored > 0 else { return false }
    guard stored <= hsize_t(byteCount) else {
      throw session.error(.damaged, "its chunk at \(offset) has \(stored) bytes, the file \(byteCount)")
    }
    packed = [UInt8](repeating: 0, count: Int(stored))
    try session.check(H5Dread_chunk(dataset, 0, offset, &mask, &packed), "reading the chunk at \(offset)")
    return mask >> UInt32(filter) & 1 == 0
  }

  /// The next place within `ranges`, the last axis first; false behind the last one.
  private static func advance(_ place: inout [Int], in ranges: [Range<Int>]) -> Bool {
    for axis in place.indices.reversed() {
      place[axis] += 1
      if place[axis] < ranges[axis].upperBound { return true }
      place[axis] = ranges[axis].lowerBound
    }
    return false
  }

  /// Whether zlib makes more than `most` bytes of `packed`. What is corrupt is left to libhdf5's own checks.
  private static func unpacks(_ packed: [UInt8], beyond most: Int) -> Bool {
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    defer { stream.deallocate() }
    stream.initialize(to: z_stream())
    guard zlib_begin(stream) == Z_OK else { return false }
    defer { inflateEnd(stream) }
    let room = 64 << 10
    var count = 0
    return packed.withUnsafeBufferPointer { packed in
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: room) { buffer in
        stream.pointee.next_in = UnsafeMutablePointer(mutating: packed.baseAddress)
        stream.pointee.avail_in = UInt32(clamping: packed.count)
        while count <= most {
          (stream.pointee.next_out, stream.pointee.avail_out) = (buffer.baseAddress, UInt32(room))
          let status = inflate(stream, Z_NO_FLUSH)
          count += room - Int(stream.pointee.avail_out)
          if status != Z_OK { break }
        }
        return count > most
      }
    }
  }
}
