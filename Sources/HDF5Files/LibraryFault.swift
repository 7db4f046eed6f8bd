import Failures
import Glibc

/// libhdf5 has faults of its own, which files can be made to meet: it frees what it never filled, and follows references that
/// it did not check. Where that kills the process, it ends as it does for all bad data: with one line and the exit code for it.
///
/// Nothing goes on after such a fault: nobody knows what it has overwritten, or which locks it holds.
enum LibraryFault {
  private static let signals = [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT]
  private static let room = 1024

  /// What the handler needs, made before it is needed. All of it is guarded by the library's lock.
  private final class State: @unchecked Sendable {
    let line = UnsafeMutablePointer<UInt8>.allocate(capacity: room)
    var count = 0
    var depth = 0
    var thread = pthread_self()
    var before: [sigaction] = Array(repeating: sigaction(), count: signals.count)
  }

  private static let state = State()

  /// Runs `body` with the lock held; a fault in it is reported as one of the file at `path`, with advice behind it.
  static func reported<Result>(_ path: String, _ advice: String, _ body: () throws -> Result) rethrows -> Result {
    state.depth += 1
    if state.depth == 1 { begin(path, advice) }
    defer {
      state.depth -= 1
      if state.depth == 0 { end() }
    }
    return try body()
  }

  private static func end() {
    for (index, signal) in signals.enumerated() { sigaction(signal, &state.before[index], nil) }
  }

  private static func begin(_ path: String, _ advice: String) {
    let name = path.utf8.count < room / 2 ? path : "an HDF5 file"
    let text = "lockstep: \(name): libhdf5 fails on it: it is damaged\(advice)\n"
    state.count = 0
    for byte in text.utf8.prefix(room) {
      state.line[state.count] = byte
      state.count += 1
    }
    state.thread = pthread_self()
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { signal in
      guard pthread_equal(pthread_self(), LibraryFault.state.thread) != 0 else {
        // Another thread's fault is not libhdf5's: it happens again, with nobody to report it.
        _ = Glibc.signal(signal, SIG_DFL)
        return
      }
      _ = write(STDERR_FILENO, LibraryFault.state.line, LibraryFault.state.count)
      _exit(FailureKind.badData.rawValue)
    }
    for (index, signal) in signals.enumerated() { sigaction(signal, &action, &state.before[index]) }
  }
}
