import Glibc

/// Replaces a file as a whole: whoever looks, at any time, finds the complete old file or the complete new one.
public enum AtomicFile {
  /// What the names of unfinished files end with. One stays behind only when the process is killed while it writes.
  public static let unfinishedSuffix = ".lockstep-unfinished"

  /// Writes `bytes` to `path`: temporary file in the same folder, fsync, rename, fsync of the folder.
  ///
  /// A symbolic link is followed, so that the file it names is replaced and the link stays.
  /// - Throws: `FileError`; then the file that was at `path` is untouched and no temporary file is left.
  public static func write(_ bytes: UnsafeRawBufferPointer, to path: String) throws {
    try write(bytes, to: path, through: .real)
  }

  public static func write(_ bytes: [UInt8], to path: String) throws {
    try bytes.withUnsafeBytes { try write($0, to: path) }
  }

  /// Throws, before hours of work are spent, what `write` would throw now about the folder of `path`.
  public static func check(_ path: String) throws {
    let target = try resolve(path)
    let folder = folder(of: target)
    var status = stat()
    if stat(folder, &status) != 0 {
      throw FileError.writing(path, "opening its folder", code: errno)
    }
    if status.st_mode & S_IFMT != S_IFDIR { throw FileError.writing(path, "opening its folder", code: ENOTDIR) }
    if access(folder, W_OK | X_OK) != 0 { throw FileError.writing(path, "writing into its folder", code: errno) }
  }

  /// The system calls of a write, so that tests can let each of them fail.
  struct System: Sendable {
    var write: @Sendable (Int32, UnsafeRawPointer?, Int) -> Int
    var sync: @Sendable (Int32) -> Int32
    var rename: @Sendable (String, String) -> Int32

    static let real = System(
      write: { Glibc.write($0, $1, $2) }, sync: { fsync($0) }, rename: { Glibc.rename($0, $1) })
  }

  static func write(_ bytes: UnsafeRawBufferPointer, to path: String, through system: System) throws {
    let target = try resolve(path)
    let folder = folder(of: target)
    let name = target.split(separator: "/").last.map(String.init) ?? target
    let unique = String(UInt64.random(in: .min ... .max), radix: 36)
    // Cut, so that a long name with its ending does not pass the 255 bytes that file systems allow.
    let unfinished = "\(folder)/.\(name.utf8.count < 200 ? name : "output").\(unique)\(unfinishedSuffix)"

    let descriptor = open(unfinished, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw FileError.writing(path, "creating a file in its folder", code: errno) }
    do {
      try fill(descriptor, with: bytes, path: path, through: system)
      guard system.rename(unfinished, target) == 0 else {
        throw FileError.writing(path, "renaming the finished file", code: errno)
      }
    } catch {
      unlink(unfinished)
      throw error
    }
    try syncFolder(folder, path: path, through: system)
  }

  /// Writes and syncs all of `bytes` and closes `descriptor`, whatever happens.
  private static func fill(
    _ descriptor: Int32, with bytes: UnsafeRawBufferPointer, path: String, through system: System
  ) throws {
    var failure: FileError?
    var written = 0
    while written < bytes.count && failure == nil {
      let count = system.write(descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
      if count > 0 {
        written += count
      } else if count == 0 {
        failure = .writing(path, "writing", code: EIO)
      } else if errno != EINTR {
        failure = .writing(path, "writing", code: errno)
      }
    }
    if failure == nil && system.sync(descriptor) != 0 { failure = .writing(path, "fsync", code: errno) }
    // Network file systems report a full disk as late as here.
    if close(descriptor) != 0 && failure == nil { failure = .writing(path, "closing", code: errno) }
    if let failure { throw failure }
  }

  /// Makes the rename itself survive a power cut.
  private static func syncFolder(_ folder: String, path: String, through system: System) throws {
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    // A folder that may be written but not listed can't be synced; its files are complete all the same.
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    guard system.sync(descriptor) != 0, errno != EINVAL, errno != ENOTSUP else { return }
    throw FileError(.inputOutput, path: path, "is written, but fsync of its folder failed: \(systemMessage(errno))")
  }

  /// Follows a symbolic link, and refuses what must not be replaced by a file: folders, devices, pipes.
  private static func resolve(_ path: String) throws -> String {
    guard !path.isEmpty, !path.hasSuffix("/") else { throw FileError(.notWritable, path: path, "is no file name") }
    var status = stat()
    guard stat(path, &status) == 0 else { return path }
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR: throw FileError(.notWritable, path: path, "is a folder, not a file")
    default: throw FileError(.notWritable, path: path, "is no plain file")
    }
    guard let resolved = realpath(path, nil) else { return path }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
