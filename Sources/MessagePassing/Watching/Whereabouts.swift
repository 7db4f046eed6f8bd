import Glibc

/// Where the first rank of a host is, in a file of launch/mpirun's: should the job be ended from outside, because a host was
/// lost, say, then it can tell how far it was.
struct Whereabouts {
  private static let byteCount = 256
  private let descriptor: Int32

  /// nil without that launcher.
  init?() {
    guard let folder = getenv("LOCKSTEP_JOB").map({ String(cString: $0) }), !folder.isEmpty else { return nil }
    descriptor = open("\(folder)/where", O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    if descriptor < 0 { return nil }
  }

  /// One line, always as long.
  func note(_ text: String) {
    let bytes = Array(text.utf8.prefix(Self.byteCount - 1))
    let line =
      bytes + [UInt8](repeating: UInt8(ascii: " "), count: Self.byteCount - 1 - bytes.count) + [UInt8(ascii: "\n")]
    _ = pwrite(descriptor, line, line.count, 0)
  }
}
