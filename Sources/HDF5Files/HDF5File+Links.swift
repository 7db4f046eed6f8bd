import CHDF5

/// The links of a small group lie in its object header, as messages (HDF5's format specification, IV.A.2.g). libhdf5 lists them
/// in a table, and when it can't read one of them it frees what it has not filled in yet. So they are looked at before.
extension HDF5File {
  private static let linkMessage = 0x06, continuationMessage = 0x10

  /// Throws `HDF5Error` `.damaged` for a group with a link that libhdf5 could not read.
  func checkLinks(of group: hid_t, _ session: HDF5Session) throws {
    guard !isWritable else { return }
    var address: haddr_t = 0
    try session.check(h5_address(group, &address), "listing")
    guard let start = Int(exactly: address), start < byteCount else { throw damagedLinks(session) }
    let head = try rawBytes(start, min(64, byteCount - start))
    // Older headers belong to groups whose links lie in a heap of their own.
    guard head.count > 32, head.starts(with: Array("OHDR".utf8)) else { return }
    let flags = head[5]
    var first = 6 + (flags & 0x20 > 0 ? 16 : 0) + (flags & 0x10 > 0 ? 4 : 0)
    let sizeBytes = 1 << Int(flags & 3)
    let size = TextHeap.number(head[first..<first + sizeBytes])
    first += sizeBytes
    var chunks: [(start: Int, count: UInt64)] = [(start + first, size)]
    // No more chunks than fit the file, each with a header of its own.
    var room = byteCount
    while let chunk = chunks.popLast() {
      guard chunk.start <= byteCount, chunk.count <= UInt64(byteCount - chunk.start), room >= Int(chunk.count) else {
        throw damagedLinks(session)
      }
      room -= Int(chunk.count) + 1
      let bytes = try rawBytes(chunk.start, Int(chunk.count))
      chunks += try checkMessages(bytes[...], tracksOrder: flags & 0x04 > 0, session)
    }
  }

  /// Checks the links among messages, and gives the places of further ones.
  private func checkMessages(
    _ bytes: ArraySlice<UInt8>, tracksOrder: Bool, _ session: HDF5Session
  ) throws -> [(start: Int, count: UInt64)] {
    var further: [(start: Int, count: UInt64)] = []
    var rest = bytes
    let headerBytes = tracksOrder ? 6 : 4
    while rest.count >= headerBytes {
      let head = rest.prefix(headerBytes)
      let (kind, flags) = (Int(head[head.startIndex]), head[head.startIndex + 3])
      let size = Int(TextHeap.number(head.dropFirst().prefix(2)))
      rest = rest.dropFirst(headerBytes)
      guard size <= rest.count else { throw damagedLinks(session) }
      let message = Array(rest.prefix(size))
      rest = rest.dropFirst(size)
      if kind == Self.continuationMessage, size >= 16 {
        let (place, count) = (TextHeap.number(message[..<8]), TextHeap.number(message[8..<16]))
        // "OCHK" before, a checksum behind.
        guard let place = Int(exactly: place), place <= byteCount, count >= 8 else { throw damagedLinks(session) }
        further.append((place + 4, count - 8))
      }
      if kind == Self.linkMessage, flags & 2 > 0 || !Self.isReadable(link: message) { throw damagedLinks(session) }
    }
    return further
  }

  /// Whether all that a link announces is in its message.
  private static func isReadable(link: [UInt8]) -> Bool {
    guard link.count >= 2, link[0] == 1, link[1] & 0xE0 == 0 else { return false }
    let flags = link[1]
    var place = 2
    var kind: UInt8 = 0
    if flags & 0x08 > 0 {
      guard link.count > place else { return false }
      (kind, place) = (link[place], place + 1)
    }
    if flags & 0x04 > 0 { place += 8 }
    if flags & 0x10 > 0 {
      // The alphabet of the name: ASCII or UTF-8.
      guard link.count > place, link[place] <= 1 else { return false }
      place += 1
    }
    let lengthBytes = 1 << Int(flags & 3)
    guard link.count >= place + lengthBytes else { return false }
    let length = TextHeap.number(link[place..<place + lengthBytes])
    place += lengthBytes
    guard length > 0, length <= UInt64(link.count - place) else { return false }
    place += Int(length)
    // Hard: an address. Soft, external and others: a length, and so many bytes.
    if kind == 0 { return link.count >= place + 8 }
    guard kind == 1 || kind >= 64, link.count >= place + 2 else { return false }
    let more = TextHeap.number(link[place..<place + 2])
    return (more > 0 || kind >= 64) && more <= UInt64(link.count - place - 2)
  }

  private func damagedLinks(_ session: HDF5Session) -> HDF5Error {
    session.error(.damaged, "its list of links is damaged")
  }
}
