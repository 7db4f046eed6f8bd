import Glibc

/// A text that grows line by line, or records of bytes: a file, or a device or pipe that is written through.
public final class LineFile {
  /// The file that is written.
  public let path: String
  private let descriptor: Int32
  private let isStream: Bool

  /// Opens it at its end, or empties it first.
  /// - Throws: `FileError` for a place that can't be written, and for an HDF5 file, which no text is meant to replace.
  public init(_ path: String, isAppending: Bool) throws {
    let place = try OutputPlace(path)
    try place.checkHoldsNoHDF5()
    self.path = path
    isStream = place.isStream
    // A reader that goes away is an error of the next line, not the end of the process.
    if isStream { signal(SIGPIPE, SIG_IGN) }
    descriptor = try place.openToAppend()
    if !isStream && !isAppending && ftruncate(descriptor, 0) != 0 {
      throw FileError.writing(path, "emptying", code: errno)
    }
  }

  deinit { close(descriptor) }

  /// One more line, whole or not at all.
  public func append(_ line: String) throws { try append(Array((line + "\n").utf8)) }

  /// Bytes behind all that is there, whole or not at all.
  public func append(_ bytes: [UInt8]) throws {
    let size = isStream ? -1 : lseek(descriptor, 0, SEEK_END)
    do {
      try bytes.withUnsafeBytes { try AtomicFile.write(all: $0, to: descriptor, path: path) }
    } catch {
      if size >= 0 { _ = ftruncate(descriptor, size) }
      throw error
    }
  }
}
