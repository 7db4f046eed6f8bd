import CHDF5

/// A dataset of lists of bytes that is kept open. libhdf5 says where they lie; they are read by hand, several at a time where
/// several threads ask: see `TextReference`.
public final class HDF5ByteLists: @unchecked Sendable {
  /// How many there are.
  public let count: Int
  private let file: HDF5File
  private let path: String
  private let dataset: hid_t

  /// Where the lists lie; of a million of them 24 megabytes.
  private let places = BlockCache<TextReference>()

  /// Heaps up to this size are read whole for one of many lists in them; libhdf5 gives long lists heaps of their own.
  private static let sharedHeapBytes = 128 << 10
  /// In heaps of fewer lists each is looked up.
  private static let manyLists = 8

  init(_ file: HDF5File, _ path: String) throws {
    (self.file, self.path) = (file, path)
    (dataset, count) = try file.perform(on: path) { session, id in
      let dataset = try file.openDataset(path, session, id)
      let type = try file.elementType(ofDataset: dataset, session)
      guard type == .byteLists else { throw session.error(.wrongType, "holds \(type), not lists of bytes") }
      let shape = try file.shape(ofDataset: dataset, session)
      guard shape.count == 1 else { throw session.error(.wrongType, "has the shape \(shape), expected [n]") }
      let count = try file.guardedCount(dataset, session)
      // The session closes its own handle; this one stays.
      try session.check(H5Iinc_ref(dataset), "opening")
      return (dataset, count)
    }
  }

  deinit { HDF5Library.locked { _ = H5Idec_ref(dataset) } }

  /// Gives `body` the bytes of some lists, one after another.
  /// - Throws: `HDF5Error` for lists that are not where they should be, and for a file that was written to since it was opened;
  ///   what `body` throws.
  public func forEach(in rows: Range<Int>, _ body: (Int, UnsafeRawBufferPointer) throws -> Void) throws {
    var latest: (address: UInt64, heap: TextHeap)?
    for (row, reference) in zip(rows, try references(rows)) {
      let list = reference.isNothing ? [] : try list(reference, row, &latest)
      // Whatever was read then, or could not be.
      if file.hasChanged { throw error("was changed while it was read") }
      try list.withUnsafeBytes { try body(row, $0) }
    }
  }

  /// The lengths of some lists, as the file states them.
  public func lengths(_ rows: Range<Int>) throws -> [Int] { try references(rows).map(\.length) }

  private func references(_ rows: Range<Int>) throws -> [TextReference] {
    guard rows.lowerBound >= 0, rows.upperBound <= count else {
      throw HDF5Error(.misuse, path: file.path, object: path, "rows \(rows) of \(count)")
    }
    return try places.elements(rows, of: count, load: read)
  }

  private func read(_ rows: Range<Int>) throws -> [TextReference] {
    try file.perform(on: path) { session, _ in
      let type = try session.own(h5_new_reference_type(), H5Tclose, "preparing")
      let size = TextReference.byteCount
      let bytes = try [UInt8](unsafeUninitializedCapacity: rows.count * size) { buffer, filled in
        try file.read(dataset, [count], rows, as: type, into: buffer.baseAddress, session)
        filled = rows.count * size
      }
      return (0..<rows.count).map { TextReference(bytes[$0 * size..<($0 + 1) * size]) }
    }
  }

  private func list(
    _ reference: TextReference, _ row: Int, _ latest: inout (address: UInt64, heap: TextHeap)?
  ) throws -> ArraySlice<UInt8> {
    if let latest, latest.address == reference.heap, let list = latest.heap.list(reference) { return list }
    let header = TextHeap.headerByteCount
    guard let start = Int(exactly: reference.heap), start <= file.byteCount - header,
      let stated = TextHeap.size(try file.rawBytes(start, header)), let size = Int(exactly: stated), size >= header,
      size <= file.byteCount - start
    else { throw error("row \(row) should be at byte \(reference.heap), where nothing is") }
    if size <= Self.sharedHeapBytes, size / Self.manyLists > reference.length {
      let heap = TextHeap(try file.rawBytes(start, size))
      latest = (reference.heap, heap)
      if let list = heap.list(reference) { return list }
    } else if let place = try TextHeap.place(
      of: reference, in: start..<start + size, read: { try file.rawBytes($0, header) })
    {
      return try file.rawBytes(place, reference.length)[...]
    }
    throw error("row \(row) is not where it should be")
  }

  private func error(_ what: String) -> HDF5Error { HDF5Error(.damaged, path: file.path, object: path, what) }
}
