import Glibc

/// A plain file opened for reading from its beginning to its end.
public final class InputFile {
  /// The file that is read.
  public let path: String
  /// Size in bytes when the file was opened.
  public let byteCount: Int
  private let descriptor: Int32
  private let changed: timespec

  /// - Throws: `FileError` when the file is missing, unreadable or no plain file.
  public init(_ path: String) throws {
    // Not blocking, or else a pipe without a writer would keep `open` waiting for ever.
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      let code = errno
      let isMissing = code == ENOENT || code == ENOTDIR
      throw FileError(
        isMissing ? .missing : .unreadable, path: path,
        isMissing ? "no such file" : "can't be opened: \(systemMessage(code))")
    }
    var status = stat()
    let isKnown = fstat(descriptor, &status) == 0
    guard isKnown, status.st_mode & S_IFMT == S_IFREG else {
      Glibc.close(descriptor)
      let isFolder = isKnown && status.st_mode & S_IFMT == S_IFDIR
      throw FileError(.unreadable, path: path, isFolder ? "is a folder, not a file" : "is no plain file")
    }
    self.path = path
    self.descriptor = descriptor
    byteCount = Int(status.st_size)
    changed = status.st_mtim
  }

  deinit { Glibc.close(descriptor) }

  /// Whether someone has written to the file since it was opened. A file that took its name is another one.
  var hasChanged: Bool {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return true }
    return Int(status.st_size) != byteCount || status.st_mtim.tv_sec != changed.tv_sec
      || status.st_mtim.tv_nsec != changed.tv_nsec
  }

  /// Reads at most `buffer.count` bytes and returns how many; 0 only at the end of the file.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    while true {
      let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
      if count >= 0 { return count }
      let code = errno
      if code != EINTR { throw FileError(.inputOutput, path: path, "reading failed: \(systemMessage(code))") }
    }
  }

  /// The bytes at `offset`, fewer than `count` where the file ends before. Leaves the reading position alone.
  func bytes(at offset: Int, count: Int) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        let got = pread(descriptor, buffer.baseAddress.map { $0 + filled }, count - filled, off_t(offset + filled))
        if got == 0 { return }
        if got > 0 {
          filled += got
        } else if errno != EINTR {
          throw FileError(.inputOutput, path: path, "reading failed: \(systemMessage(errno))")
        }
      }
    }
  }

  /// All bytes of the file at `path`.
  public static func bytes(of path: String) throws -> [UInt8] {
    let file = try InputFile(path)
    return try file.bytes(at: 0, count: file.byteCount)
  }
}
