import Glibc

/// Where an output goes: what is there already, through all links, and whether it may be replaced.
struct OutputPlace {
  /// As the user wrote it, for messages.
  let path: String
  /// Where the links of `path` lead to.
  let target: String
  /// Whether bytes are written through to a device or a pipe; anything else is a plain file, there or not yet.
  let isStream: Bool

  /// - Throws: `FileError` `.notWritable` for what must not be replaced by a file: folders, disks, sockets.
  init(_ path: String) throws {
    guard !path.isEmpty, !path.hasSuffix("/") else { throw FileError(.notWritable, path: path, "is no file name") }
    self.path = path
    var status = stat()
    guard stat(path, &status) == 0 else {
      target = OutputPlace.destination(ofDangling: path)
      isStream = false
      return
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG:
      isStream = false
      target = OutputPlace.real(path)
    case S_IFCHR, S_IFIFO:
      isStream = true
      target = path
    case S_IFDIR: throw FileError(.notWritable, path: path, "is a folder, not a file")
    default: throw FileError(.notWritable, path: path, "is no plain file")
    }
  }

  /// The file's name, cut so that a long one with an ending does not pass the 255 bytes that file systems allow.
  var shortName: String {
    let name = target.split(separator: "/").last.map(String.init) ?? target
    return name.utf8.count < 200 ? name : "output"
  }

  var folder: String { Self.folder(of: target) }

  static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// Throws unless a file could be made or a stream be opened here now.
  func checkWritable() throws {
    if isStream {
      if access(target, W_OK) != 0 { throw FileError.writing(path, "opening", code: errno) }
      return
    }
    var status = stat()
    if stat(folder, &status) != 0 { throw FileError.writing(path, "opening its folder", code: errno) }
    if status.st_mode & S_IFMT != S_IFDIR { throw FileError.writing(path, "opening its folder", code: ENOTDIR) }
    if access(folder, W_OK | X_OK) != 0 { throw FileError.writing(path, "writing into its folder", code: errno) }
  }

  /// Throws if the file here is one of `inputs`, whatever names and links they are called by.
  func check(against inputs: [String]) throws {
    var (mine, other) = (stat(), stat())
    guard !isStream, stat(target, &mine) == 0 else { return }
    for input in inputs where stat(input, &other) == 0 && other.st_dev == mine.st_dev && other.st_ino == mine.st_ino {
      let name = input == path ? "the input itself" : "the same file as the input \(input)"
      throw FileError(.notWritable, path: path, "is \(name), which the output would replace")
    }
  }

  /// Throws if an HDF5 file is here, which no text or picture is meant to replace.
  func checkHoldsNoHDF5() throws {
    guard !isStream, let file = try? InputFile(target), let start = try? file.bytes(at: 0, count: 4) else { return }
    if start == [0x89, 0x48, 0x44, 0x46] {
      throw FileError(.notWritable, path: path, "is an HDF5 file, which only another one may replace")
    }
  }

  /// Opens a stream for writing, or a plain file for appending; made where it is missing.
  ///
  /// A pipe is opened once somebody reads it. Nobody may wait for that for ever: other ranks wait for this one.
  func openToAppend() throws -> Int32 {
    let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK
    for _ in 0..<100 {
      let descriptor = open(target, flags, 0o666)
      if descriptor >= 0 {
        _ = fcntl(descriptor, F_SETFL, O_APPEND)
        return descriptor
      }
      guard errno == ENXIO || errno == EINTR else { throw FileError.writing(path, "opening", code: errno) }
      usleep(100_000)
    }
    throw FileError(.notWritable, path: path, "is a pipe that nobody reads, 10 s long")
  }

  /// The file that a link stands for which leads to none yet; `path` itself where it is no link.
  private static func destination(ofDangling path: String) -> String {
    var path = path
    for _ in 0..<40 {
      let length = Int(PATH_MAX)
      let destination = withUnsafeTemporaryAllocation(of: CChar.self, capacity: length) { buffer -> String? in
        guard let start = buffer.baseAddress else { return nil }
        let count = readlink(path, start, length)
        guard count > 0 else { return nil }
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
      }
      guard let destination else { return path }
      if destination.hasPrefix("/") {
        path = destination
      } else {
        path = path.lastIndex(of: "/").map { path[...$0] + destination } ?? destination
      }
    }
    return path
  }

  private static func real(_ path: String) -> String {
    guard let resolved = realpath(path, nil) else { return path }
    defer { free(resolved) }
    return String(cString: resolved)
  }
}
