import Glibc

/// The temporary files of writes, and what is left of those whose process was killed.
///
/// A file that is being written is locked (`flock`), and the lock goes with the process however it ends: what can be locked
/// is nobody's. Process numbers would not do, as folders are shared between hosts.
extension AtomicFile {
  /// A new temporary file for `place`, locked.
  static func begin(_ place: OutputPlace) throws -> (path: String, descriptor: Int32) {
    for _ in 0..<100 {
      let unique = String(UInt64.random(in: .min ... .max), radix: 36)
      let path = "\(place.folder)/.\(place.shortName).\(unique)\(unfinishedSuffix)"
      let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      guard descriptor >= 0 else { throw FileError.writing(place.path, "creating a file in its folder", code: errno) }
      while flock(descriptor, LOCK_EX) != 0 && errno == EINTR {}
      var status = stat()
      if fstat(descriptor, &status) == 0, status.st_nlink > 0 { return (path, descriptor) }
      // Somebody took it for a leftover before it was locked.
      close(descriptor)
    }
    throw FileError.writing(place.path, "creating a file in its folder", code: EAGAIN)
  }

  /// Removes what killed processes left in `folder` of writes of files whose names begin with `prefix`. Whatever can't be
  /// removed stays: it does no harm.
  public static func removeLeftovers(in folder: String, of prefix: String) {
    guard let listing = opendir(folder) else { return }
    defer { closedir(listing) }
    while let entry = readdir(listing) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard name.hasSuffix(unfinishedSuffix), name.hasPrefix(".\(prefix)") else { continue }
      let descriptor = openat(dirfd(listing), name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
      guard descriptor >= 0 else { continue }
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlinkat(dirfd(listing), name, 0) }
      close(descriptor)
    }
  }
}
