import HDF5Files

/// A file that comes piece by piece, however large: what its reader leaves of a piece, an unfinished row say, stands at the
/// beginning of the next.
struct FilePieces {
  let path: String
  /// Bytes that are read at once.
  var pieceBytes = 1 << 20

  /// `body` is given a piece, behind which stands a line feed, and whether it is the last, which may be empty; it says how many
  /// of its bytes are done. What it leaves may grow to any size: `body` knows what is too long.
  /// - Parameter onStoredBytes: sees all bytes in their order, once.
  func forEach(
    onStoredBytes: (UnsafeRawBufferPointer) -> Void,
    _ body: (_ piece: UnsafeBufferPointer<UInt8>, _ isLast: Bool) throws -> Int
  ) throws {
    let file = try InputFile(path)
    var buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(pieceBytes, 1) + 1)
    defer { buffer.deallocate() }
    var kept = 0
    while true {
      // So that what is left is looked at again only when there is as much more of it.
      if kept * 2 >= buffer.count - 1 { Self.grow(&buffer, keeping: kept) }
      let room = UnsafeMutableBufferPointer(rebasing: buffer[kept..<buffer.count - 1])
      let count = try file.read(into: UnsafeMutableRawBufferPointer(room))
      onStoredBytes(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[..<count]))
      let filled = kept + count
      buffer[filled] = 0x0A
      let done = try body(UnsafeBufferPointer(rebasing: buffer[..<filled]), count == 0)
      if count == 0 { return }
      kept = filled - done
      if let base = buffer.baseAddress, done > 0 { base.update(from: base + done, count: kept) }
    }
  }

  private static func grow(_ buffer: inout UnsafeMutableBufferPointer<UInt8>, keeping kept: Int) {
    let larger = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: (buffer.count - 1) * 2 + 1)
    _ = larger.update(fromContentsOf: buffer[..<kept])
    buffer.deallocate()
    buffer = larger
  }
}

/// How far the passes over some files have come.
final class PassProgress {
  private let total: Double
  private let report: (Double) -> Void
  private var done = 0

  /// - Parameters:
  ///   - paths: the files, each of which is read so many times.
  ///   - report: is told the share that is done.
  init(_ paths: [String], passes: Int, _ report: @escaping (Double) -> Void) throws {
    let bytes = try paths.reduce(0) { $0 + (try InputFile($1).byteCount) }
    (total, self.report) = (Double(max(bytes, 1)) * Double(passes), report)
  }

  func add(_ bytes: UnsafeRawBufferPointer) {
    done += bytes.count
    report(min(Double(done) / total, 1))
  }
}
