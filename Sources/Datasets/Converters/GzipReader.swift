import CZlib
import HDF5Files

/// Reads a file that may be compressed with gzip (RFC 1952); others are read as they are.
///
/// Bytes come only as they are asked for, through a buffer of fixed size: a small file that unpacks to terabytes costs
/// no more than what the caller expects. Gzip members one after another are one stream, as gzip itself takes them.
public final class GzipReader {
  /// The file that is read.
  public let path: String
  /// Whether the file is compressed.
  public private(set) var isCompressed = false
  /// Size in bytes of the file as it lies on the disk.
  public var storedByteCount: Int { file.byteCount }
  /// The most bytes that a header is believed to announce. Deflate makes zeros 1032 times smaller and real data hardly ten
  /// times: beyond the factor 200 and 64 MiB a file is rather a trap. Unpacked by hand, it has the size that it says.
  public var mostByteCount: Int {
    guard isCompressed else { return storedByteCount }
    let (product, overflow) = storedByteCount.multipliedReportingOverflow(by: 200)
    return overflow ? .max : product.addingReportingOverflow(64 << 20).partialValue
  }

  private let file: InputFile
  private let onStoredBytes: (UnsafeRawBufferPointer) -> Void
  private let buffer: UnsafeMutableRawBufferPointer
  /// The part of `buffer` that has not been consumed yet.
  private var ready = 0..<0
  /// Bytes read from the disk so far.
  private var loadedByteCount = 0
  /// On the heap, as zlib keeps its address.
  private let stream: UnsafeMutablePointer<z_stream>
  private var isInMember = false

  /// Opens the file at `path`. `onStoredBytes` sees its bytes as they lie on the disk, in order, as they are read.
  /// - Throws: `FileError` when the file is missing or unreadable.
  public init(_ path: String, onStoredBytes: @escaping (UnsafeRawBufferPointer) -> Void = { _ in }) throws {
    self.path = path
    self.onStoredBytes = onStoredBytes
    file = try InputFile(path)
    buffer = .allocate(byteCount: 256 << 10, alignment: 16)
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    try load()
    isCompressed = ready.count >= 2 && buffer[0] == 0x1f && buffer[1] == 0x8b
  }

  deinit {
    if isInMember { inflateEnd(stream) }
    stream.deallocate()
    buffer.deallocate()
  }

  /// Fills `target` and returns how many bytes that were: fewer than its size only where the data ends.
  /// - Throws: `InputError` with the position in the file when the compressed data is corrupt or truncated.
  public func read(into target: UnsafeMutableRawBufferPointer) throws -> Int {
    var count = 0
    while count < target.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: target[count...])
      let got = try isCompressed ? inflateSome(into: rest) : copySome(into: rest)
      if got == 0 { break }
      count += got
    }
    return count
  }

  /// The next `count` bytes, or fewer where the data ends.
  public func read(upTo count: Int) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      let room = UnsafeMutableBufferPointer(rebasing: buffer.prefix(count))
      filled = try read(into: UnsafeMutableRawBufferPointer(room))
    }
  }

  /// Refills the emptied buffer; it stays empty at the end of the file.
  private func load() throws {
    let count = try file.read(into: buffer)
    ready = 0..<count
    loadedByteCount += count
    onStoredBytes(UnsafeRawBufferPointer(rebasing: buffer[ready]))
  }

  private func copySome(into target: UnsafeMutableRawBufferPointer) throws -> Int {
    if ready.isEmpty { try load() }
    let count = min(ready.count, target.count)
    target.copyBytes(from: buffer[ready].prefix(count))
    ready = ready.lowerBound + count..<ready.upperBound
    return count
  }

  /// Unpacks at least one byte into `target` and returns how many; 0 only after the last member.
  private func inflateSome(into target: UnsafeMutableRawBufferPointer) throws -> Int {
    while true {
      if ready.isEmpty { try load() }
      if ready.isEmpty {
        guard isInMember else { return 0 }
        throw InputError(path, "truncated: ends at byte \(loadedByteCount), within the gzip data")
      }
      if !isInMember {
        stream.pointee = z_stream()
        guard zlib_begin_gzip(stream) == Z_OK else {
          throw InputError(path, "zlib can't begin: out of memory", kind: .internalError)
        }
        isInMember = true
      }
      let produced = try step(into: target)
      if produced > 0 { return produced }
    }
  }

  /// One call to zlib; returns how many bytes it unpacked.
  private func step(into target: UnsafeMutableRawBufferPointer) throws -> Int {
    let room = UInt32(clamping: target.count)
    stream.pointee.next_in = buffer.baseAddress.map { ($0 + ready.lowerBound).assumingMemoryBound(to: UInt8.self) }
    stream.pointee.avail_in = UInt32(ready.count)
    stream.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = room
    let status = inflate(stream, Z_NO_FLUSH)
    ready = ready.upperBound - Int(stream.pointee.avail_in)..<ready.upperBound
    let reason = stream.pointee.msg.map { String(cString: $0) } ?? "zlib error \(status)"
    if status == Z_STREAM_END {
      inflateEnd(stream)
      isInMember = false
    } else if status != Z_OK && status != Z_BUF_ERROR {
      throw InputError(path, "byte \(loadedByteCount - ready.count): corrupt gzip data (\(reason))")
    }
    return Int(room - stream.pointee.avail_out)
  }
}
