import CHDF5

/// Reading by hand: see `TextReference`.
extension HDF5File {
  /// The texts that `count` references stand for; `read` fills a buffer with references.
  func referencedStrings(
    _ count: Int, _ session: HDF5Session, read: (hid_t, UnsafeMutableRawPointer) -> herr_t
  ) throws -> [String] {
    let type = try session.own(h5_new_reference_type(), H5Tclose, "preparing")
    let (byteCount, overflow) = count.multipliedReportingOverflow(by: TextReference.byteCount)
    guard !overflow else { throw session.error(.refused, "declares \(count) strings") }
    let bytes = try [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, filled in
      guard let start = buffer.baseAddress else { return }
      try session.check(read(type, start), "reading text")
      filled = byteCount
    }
    func reference(_ index: Int) -> TextReference {
      TextReference(bytes[index * TextReference.byteCount..<(index + 1) * TextReference.byteCount])
    }
    // All may stand for the same long one.
    let needed = (0..<count).reduce(0) { $0 + reference($1).length }
    guard needed <= HDF5File.freeRoom / 4 + self.byteCount else {
      throw session.error(.refused, "its text comes to \(needed) bytes, the file has \(self.byteCount)")
    }
    var heaps: [UInt64: TextHeap] = [:]
    var room = self.byteCount
    return try (0..<count).map { index in
      let reference = reference(index)
      if reference.isNothing { return "" }
      let heap = try heaps[reference.heap] ?? self.heap(at: reference.heap, room: &room, session)
      heaps[reference.heap] = heap
      guard let text = heap.text(reference) else {
        throw session.error(.damaged, "string \(index) is not where it should be")
      }
      return try session.utf8(text, index)
    }
  }

  /// Heaps do not overlap: together they have no more bytes than the file, which `room` counts.
  private func heap(at address: UInt64, room: inout Int, _ session: HDF5Session) throws -> TextHeap {
    let header = TextHeap.headerByteCount
    guard let start = Int(exactly: address), start <= byteCount - header,
      let size = TextHeap.size(try rawBytes(start, header)), size >= header, size <= UInt64(byteCount - start)
    else { throw session.error(.damaged, "its text should be at byte \(address), where none is") }
    room -= Int(size)
    guard room >= 0 else { throw session.error(.refused, "the heaps of its text overlap") }
    return TextHeap(try rawBytes(start, Int(size)))
  }
}
