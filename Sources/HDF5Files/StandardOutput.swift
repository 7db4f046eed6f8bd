// (Swift 6 takes C's `stdout` for a variable that any thread may change.)
@preconcurrency import Glibc
import Synchronization

/// Standard output and standard error, the one place through which all is printed.
///
/// What can't be written is remembered, not thrown: no line of progress ends a training that can go on. `check` says so at
/// the end.
public enum StandardOutput {
  /// The first `errno` of a write that failed.
  private static let fault = Atomic<Int32>(0)
  /// Whether a live line stands on the terminal, with the cursor behind it.
  private static let isLive = Atomic<Bool>(false)

  /// Call it first of all. Where a standard descriptor was closed, the next file to be opened would get its number, and a
  /// printed line would land in a dataset.
  public static func prepare() {
    for (descriptor, flags) in [(STDIN_FILENO, O_RDONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_WRONLY)]
    where fcntl(descriptor, F_GETFD) < 0 {
      // The lowest number that is free: those below are open by now. Writes to a closed standard output go on failing.
      _ = open("/dev/null", flags)
    }
    // `print` keeps lines back otherwise where this is a file or a pipe.
    setvbuf(stdout, nil, _IOLBF, 0)
  }

  /// A line, at once.
  public static func line(_ text: String) {
    write((isLive.exchange(false, ordering: .relaxed) ? "\r\u{1B}[K" : "") + text + "\n")
  }

  /// Draws the live line of a terminal anew; the next line takes its place.
  public static func live(_ text: String) {
    isLive.store(true, ordering: .relaxed)
    write("\r\u{1B}[K" + text)
  }

  /// Takes the live line away.
  public static func clearLive() {
    if isLive.exchange(false, ordering: .relaxed) { write("\r\u{1B}[K") }
  }

  /// A line on standard error. A live line before it stays as it is: it says how far the work had come.
  public static func error(_ text: String) {
    if isLive.exchange(false, ordering: .relaxed) { write("\n") }
    let bytes = Array((text + "\n").utf8)
    bytes.withUnsafeBytes { try? AtomicFile.write(all: $0, to: STDERR_FILENO, path: "standard error") }
  }

  /// Throws when anything could not be written.
  public static func check() throws {
    note(fflush(stdout) == 0 && ferror(stdout) == 0)
    let code = fault.load(ordering: .relaxed)
    guard code != 0 else { return }
    throw FileError(.inputOutput, path: "standard output", "writing failed: \(systemMessage(code))")
  }

  private static func write(_ text: String) { note(fputs(text, stdout) >= 0 && fflush(stdout) == 0) }

  private static func note(_ isWritten: Bool) {
    if isWritten { return }
    let code = errno == 0 ? EIO : errno
    _ = fault.compareExchange(expected: 0, desired: code, ordering: .relaxed)
  }
}
