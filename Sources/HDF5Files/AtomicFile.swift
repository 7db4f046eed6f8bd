import CHDF5
import Glibc

/// Replaces a file as a whole: whoever looks, at any time, finds the complete old file or the complete new one.
public enum AtomicFile {
  /// What the names of unfinished files end with. One stays behind only when the process is killed while it writes, until
  /// the next write of that name.
  public static let unfinishedSuffix = ".lockstep-unfinished"

  /// What is going to be written.
  public enum Content: Sendable {
    /// An HDF5 file, whose place may hold another one only.
    case hdf5
    /// Text or a picture, which never takes the place of an HDF5 file.
    case other
  }

  /// Writes `bytes` to `path`: temporary file in the same folder, fsync, rename, fsync of the folder.
  ///
  /// A symbolic link is followed, so that the file it names is replaced and the link stays; devices and pipes are written
  /// through.
  /// - Throws: `FileError`; then the file that was at `path` is untouched and no temporary file is left.
  public static func write(_ bytes: UnsafeRawBufferPointer, to path: String) throws {
    try write(bytes, to: path, through: .real)
  }

  /// Writes a file whole or not at all: what was there before stays until the new bytes are on the disk.
  public static func write(_ bytes: [UInt8], to path: String) throws {
    try bytes.withUnsafeBytes { try write($0, to: path) }
  }

  /// Throws, before hours of work are spent, what `write` would throw now about the place `path`, and where the output
  /// would take the place of one of `inputs` or, unless it is one itself, of an HDF5 file.
  public static func check(_ path: String, as content: Content = .hdf5, from inputs: [String] = []) throws {
    let place = try OutputPlace(path)
    try place.checkWritable()
    try place.check(against: inputs)
    if content == .other { try place.checkHoldsNoHDF5() }
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
    let place = try OutputPlace(path)
    if place.isStream { return try pour(bytes, into: place, through: system) }
    try replace(place, through: system) { try write(all: bytes, to: $0, path: path, through: system) }
  }

  /// Writes to `path` what `fill` puts into a new file, by its descriptor and in any order. What it has put there so far is
  /// gone when it throws, and when a signal ends the process.
  static func write(to path: String, through system: System = .real, _ fill: (Int32) throws -> Void) throws {
    let place = try OutputPlace(path)
    if !place.isStream { return try replace(place, through: system, goesWithSignals: true, fill) }
    // What can't be gone back in gets it in one go.
    let memory = h5_memory_file()
    guard memory >= 0 else { throw FileError.writing(path, "a file in memory", code: errno) }
    defer { close(memory) }
    try fill(memory)
    try pour(memory, into: place, through: system)
  }

  private static func replace(
    _ place: OutputPlace, through system: System, goesWithSignals: Bool = false, _ fill: (Int32) throws -> Void
  ) throws {
    removeLeftovers(in: place.folder, of: place.shortName + ".")
    let (unfinished, descriptor) = try begin(place)
    // Keeps the lock, by which the file is known to be in use, until it has its name.
    let keeper = dup(descriptor)
    defer { if keeper >= 0 { close(keeper) } }
    do {
      if goesWithSignals {
        try UnfinishedFile.guarded(unfinished) {
          try finish(descriptor, path: place.path, through: system, fill)
        }
      } else {
        try finish(descriptor, path: place.path, through: system, fill)
      }
      guard system.rename(unfinished, place.target) == 0 else {
        throw FileError.writing(place.path, "renaming the finished file", code: errno)
      }
    } catch {
      unlink(unfinished)
      throw error
    }
    try sync(folder: place.folder, path: place.path, through: system)
  }

  /// Makes `name` another name of a finished file of the same folder, in place of whatever had it; a copy where the file
  /// system knows no second names.
  ///
  /// - Parameters:
  ///   - file: what exists already.
  ///   - name: the other path.
  ///   - unfinished: what the name of an unfinished attempt begins with, behind its dot.
  public static func link(_ file: String, as name: String, unfinished: String) throws {
    let place = try OutputPlace(name)
    let unique = String(UInt64.random(in: .min ... .max), radix: 36)
    let attempt = "\(place.folder)/.\(unfinished).\(unique)\(unfinishedSuffix)"
    guard Glibc.link(file, attempt) == 0 else { return try write(InputFile.bytes(of: file), to: name) }
    // Where both are names of one file already, the renaming does nothing.
    defer { unlink(attempt) }
    guard rename(attempt, name) == 0 else { throw FileError.writing(name, "renaming the finished file", code: errno) }
    try sync(folder: place.folder, path: name)
  }

  /// Fills and syncs a file and closes `descriptor`, whatever happens.
  private static func finish(
    _ descriptor: Int32, path: String, through system: System, _ fill: (Int32) throws -> Void
  ) throws {
    var failure: (any Error)?
    do { try fill(descriptor) } catch { failure = error }
    if failure == nil && system.sync(descriptor) != 0 { failure = FileError.writing(path, "fsync", code: errno) }
    // Network file systems report a full disk as late as here.
    if close(descriptor) != 0 && failure == nil { failure = FileError.writing(path, "closing", code: errno) }
    if let failure { throw failure }
  }

  static func write(
    all bytes: UnsafeRawBufferPointer, to descriptor: Int32, path: String, through system: System = .real
  ) throws(FileError) {
    var written = 0
    while written < bytes.count {
      let count = system.write(descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
      if count > 0 {
        written += count
      } else if count == 0 {
        throw FileError.writing(path, "writing", code: EIO)
      } else if errno != EINTR {
        throw FileError.writing(path, "writing", code: errno)
      }
    }
  }

  private static func pour(_ bytes: UnsafeRawBufferPointer, into place: OutputPlace, through system: System) throws {
    let descriptor = try place.openToAppend()
    defer { close(descriptor) }
    try write(all: bytes, to: descriptor, path: place.path, through: system)
  }

  /// All of the file `source`, from its beginning.
  private static func pour(_ source: Int32, into place: OutputPlace, through system: System) throws {
    let descriptor = try place.openToAppend()
    defer { close(descriptor) }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { buffer.deallocate() }
    var done: off_t = 0
    while case let count = pread(source, buffer.baseAddress, buffer.count, done), count != 0 {
      guard count > 0 else { throw FileError.writing(place.path, "a file in memory", code: errno) }
      let piece = UnsafeRawBufferPointer(rebasing: buffer[..<count])
      try write(all: piece, to: descriptor, path: place.path, through: system)
      done += off_t(count)
    }
  }

  /// Makes a folder that was just made at `path` survive a power cut.
  public static func sync(parentOf path: String) throws {
    let trimmed = String(path.reversed().drop { $0 == "/" }.reversed())
    try sync(folder: OutputPlace.folder(of: trimmed), path: path)
  }

  /// Makes what was made or renamed in `folder` survive a power cut.
  static func sync(folder: String, path: String, through system: System = .real) throws {
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    // A folder that may be written but not listed can't be synced; its files are complete all the same.
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    guard system.sync(descriptor) != 0, errno != EINVAL, errno != ENOTSUP else { return }
    throw FileError(.inputOutput, path: path, "is written, but fsync of its folder failed: \(systemMessage(errno))")
  }
}
