import CZlib
import HDF5Files

/// What bytes come from, in order.
protocol ByteSource: AnyObject {
  /// Stands for the source in messages.
  var path: String { get }
  /// Fills `target` and returns how many bytes that were: fewer only where the data end.
  func read(into target: UnsafeMutableRawBufferPointer) throws -> Int
}

/// The members of a zip file (PKWARE's APPNOTE), stored or deflated, zip64 included: what `numpy.savez` writes.
///
/// Whatever the file declares is held against its size before anything is allocated.
struct ZipArchive {
  struct Member: Equatable {
    let name: String
    let isDeflated: Bool
    let checksum: UInt
    /// In the file, and unpacked.
    let storedBytes, byteCount: Int
    /// Where the local header lies.
    let offset: Int
  }

  let path: String
  let members: [Member]
  private let file: InputFile

  /// - Throws: `FileError` for a file that can't be read; `InputError` for one that is no zip file.
  init(_ path: String) throws {
    (self.path, file) = (path, try InputFile(path))
    let (offset, size, count) = try Self.directory(of: file)
    let bytes = try file.bytes(at: offset, count: size)
    guard bytes.count == size else { throw InputError(path, "truncated within the directory of its members") }
    var (members, place, names) = ([Member](), 0, Set<String>())
    for index in 0..<count {
      let (member, length) = try Self.member(LittleEndian(bytes, from: place), index, path)
      guard names.insert(member.name).inserted else {
        throw InputError(path, "has two members of the name \(member.name.shown)")
      }
      members.append(member)
      place += length
    }
    self.members = members
  }

  /// The bytes of a member, unpacked and held against its checksum.
  func open(_ member: Member) throws -> any ByteSource {
    let name = "\(path): \(member.name)"
    let header = LittleEndian(try file.bytes(at: member.offset, count: min(30, file.byteCount)), from: 0)
    guard header.count == 30, header[0, 4] == 0x0403_4B50 else {
      throw InputError(name, "byte \(member.offset): expected the header of a member")
    }
    let start = member.offset + 30 + header[26, 2] + header[28, 2]
    guard start <= file.byteCount, member.storedBytes <= file.byteCount - start else {
      throw InputError(name, "declares \(member.storedBytes) bytes, but the file ends before")
    }
    guard member.isDeflated || member.byteCount == member.storedBytes else {
      throw InputError(name, "is stored as it is, but declares two sizes")
    }
    // As of a gzip file: what unpacks to more is rather a trap.
    let (most, overflows) = member.storedBytes.multipliedReportingOverflow(by: 200)
    guard !member.isDeflated || overflows || member.byteCount <= most.addingReportingOverflow(64 << 20).partialValue
    else {
      throw InputError(name, "declares \(member.byteCount) bytes, packed into \(member.storedBytes): not believed")
    }
    return ZipMember(file, member, at: start, path: name)
  }

  /// Where the central directory begins, its size, and how many members it lists.
  private static func directory(of file: InputFile) throws -> (offset: Int, size: Int, count: Int) {
    let room = min(file.byteCount, 22 + 0xFFFF)
    let start = file.byteCount - room
    let tail = LittleEndian(try file.bytes(at: start, count: room), from: 0)
    guard room >= 22, tail.count == room,
      let end = (0...room - 22).last(where: { tail[$0, 4] == 0x0605_4B50 && $0 + 22 + tail[$0 + 20, 2] == room })
    else { throw InputError(file.path, "is no zip file: it has no directory of members at its end") }
    var (count, size, offset) = (tail[end + 10, 2], tail[end + 12, 4], tail[end + 16, 4])
    if count == 0xFFFF || size == 0xFFFF_FFFF || offset == 0xFFFF_FFFF, end >= 20, tail[end - 20, 4] == 0x0706_4B50 {
      let place = tail[end - 12, 8]
      guard (0...file.byteCount - 22).contains(place) else {
        throw InputError(file.path, "its directory of members lies outside of it")
      }
      let wide = LittleEndian(try file.bytes(at: place, count: min(56, file.byteCount - place)), from: 0)
      guard wide.count == 56, wide[0, 4] == 0x0606_4B50 else {
        throw InputError(file.path, "byte \(place): expected the end of a zip64 directory")
      }
      (count, size, offset) = (wide[32, 8], wide[40, 8], wide[48, 8])
    }
    guard offset >= 0, size >= 0, offset <= file.byteCount, size <= file.byteCount - offset, count >= 0,
      count <= size / 46
    else { throw InputError(file.path, "its directory of \(count) members does not fit the file") }
    guard count <= 10_000 else { throw InputError(file.path, "has \(count) members, more than 10000") }
    return (offset, size, count)
  }

  private static func member(_ entry: LittleEndian, _ index: Int, _ path: String) throws -> (Member, length: Int) {
    guard entry.count >= 46, entry[0, 4] == 0x0201_4B50 else {
      throw InputError(path, "its directory ends before member \(index)")
    }
    let (nameBytes, extraBytes) = (entry[28, 2], entry[30, 2])
    let length = 46 + nameBytes + extraBytes + entry[32, 2]
    guard length <= entry.count, let name = entry.text(46, nameBytes) else {
      throw InputError(path, "the name of member \(index) can't be read")
    }
    var sizes = [entry[24, 4], entry[20, 4], entry[42, 4]]
    try widen(&sizes, entry, 46 + nameBytes, extraBytes, path, name)
    guard entry[8, 2] & 1 == 0 else { throw InputError(path, "member \(name.shown) is encrypted") }
    guard entry[10, 2] == 0 || entry[10, 2] == 8 else {
      throw InputError(
        path, "member \(name.shown) is packed by the method \(entry[10, 2]); stored and deflated are read")
    }
    guard sizes.allSatisfy({ $0 >= 0 }) else { throw InputError(path, "member \(name.shown) has absurd sizes") }
    return (
      Member(
        name: name, isDeflated: entry[10, 2] == 8, checksum: UInt(entry[16, 4]), storedBytes: sizes[1],
        byteCount: sizes[0], offset: sizes[2]), length
    )
  }

  /// Sizes beyond 32 bits stand in an extra field, those that need it one after the other.
  private static func widen(
    _ sizes: inout [Int], _ entry: LittleEndian, _ start: Int, _ count: Int, _ path: String, _ name: String
  ) throws {
    guard sizes.contains(0xFFFF_FFFF) else { return }
    var place = start
    while place + 4 <= start + count {
      let (kind, bytes) = (entry[place, 2], entry[place + 2, 2])
      if kind == 1, place + 4 + bytes <= start + count {
        var next = place + 4
        for index in sizes.indices where sizes[index] == 0xFFFF_FFFF && next + 8 <= place + 4 + bytes {
          sizes[index] = entry[next, 8]
          next += 8
        }
        return
      }
      place += 4 + bytes
    }
    throw InputError(path, "member \(name.shown) lacks its zip64 sizes")
  }
}

/// Numbers as they lie in a zip file. What lies outside reads as -1.
private struct LittleEndian {
  private let bytes: [UInt8]
  private let start: Int

  init(_ bytes: [UInt8], from start: Int) { (self.bytes, self.start) = (bytes, min(start, bytes.count)) }

  var count: Int { bytes.count - start }

  /// A number of so many bytes; negative also for one beyond what Int holds.
  subscript(_ place: Int, _ length: Int) -> Int {
    guard place >= 0, place + length <= count else { return -1 }
    var value: UInt64 = 0
    for index in 0..<length { value |= UInt64(bytes[start + place + index]) << UInt64(8 * index) }
    return Int(exactly: value) ?? -1
  }

  func text(_ place: Int, _ length: Int) -> String? {
    guard place + length <= count else { return nil }
    return String(validating: bytes[start + place..<start + place + length], as: UTF8.self)
  }
}

/// One member's bytes.
private final class ZipMember: ByteSource {
  let path: String
  private let file: InputFile
  private let member: ZipArchive.Member
  private var place: Int
  private var storedLeft: Int
  private var delivered = 0
  private var checksum: UInt = 0
  private var buffer: [UInt8] = []
  private var used = 0
  /// On the heap, as zlib keeps its address; nil for a member that is stored as it is.
  private let stream: UnsafeMutablePointer<z_stream>?

  init(_ file: InputFile, _ member: ZipArchive.Member, at start: Int, path: String) {
    (self.file, self.member, self.path, place) = (file, member, path, start)
    storedLeft = member.storedBytes
    guard member.isDeflated else {
      stream = nil
      return
    }
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    _ = zlib_begin_raw(stream)
    self.stream = stream
  }

  deinit {
    if let stream {
      inflateEnd(stream)
      stream.deallocate()
    }
  }

  func read(into target: UnsafeMutableRawBufferPointer) throws -> Int {
    let wanted = min(target.count, member.byteCount - delivered)
    var count = 0
    while count < wanted {
      let rest = UnsafeMutableRawBufferPointer(rebasing: target[count..<wanted])
      count += try stream.map { try inflateSome($0, into: rest) } ?? copySome(into: rest)
    }
    guard count > 0 else { return 0 }
    checksum = crc32_z(checksum, target.baseAddress?.assumingMemoryBound(to: UInt8.self), count)
    delivered += count
    if delivered == member.byteCount && checksum != member.checksum {
      throw InputError(path, "does not match its checksum")
    }
    return count
  }

  private func refill() throws {
    guard used == buffer.count else { return }
    buffer = try file.bytes(at: place, count: min(storedLeft, 256 << 10))
    guard !buffer.isEmpty else { throw InputError(path, "truncated: ends at byte \(delivered) of \(member.byteCount)") }
    (used, place, storedLeft) = (0, place + buffer.count, storedLeft - buffer.count)
  }

  private func copySome(into target: UnsafeMutableRawBufferPointer) throws -> Int {
    try refill()
    let count = min(target.count, buffer.count - used)
    target.copyBytes(from: buffer[used..<used + count])
    used += count
    return count
  }

  private func inflateSome(
    _ stream: UnsafeMutablePointer<z_stream>, into target: UnsafeMutableRawBufferPointer
  ) throws -> Int {
    try refill()
    let room = UInt32(clamping: target.count)
    let left = buffer.count - used
    let status = buffer.withUnsafeMutableBufferPointer { bytes in
      stream.pointee.next_in = bytes.baseAddress.map { $0 + used }
      stream.pointee.avail_in = UInt32(left)
      stream.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
      stream.pointee.avail_out = room
      return inflate(stream, Z_NO_FLUSH)
    }
    used = buffer.count - Int(stream.pointee.avail_in)
    let produced = Int(room - stream.pointee.avail_out)
    let reason = stream.pointee.msg.map { String(cString: $0) } ?? "zlib error \(status)"
    guard status == Z_OK || status == Z_BUF_ERROR || status == Z_STREAM_END else {
      throw InputError(path, "byte \(delivered): corrupt packed data (\(reason))")
    }
    if status == Z_STREAM_END && delivered + produced < member.byteCount && produced < target.count {
      throw InputError(path, "ends at byte \(delivered + produced) of the \(member.byteCount) that it declares")
    }
    return produced
  }
}
