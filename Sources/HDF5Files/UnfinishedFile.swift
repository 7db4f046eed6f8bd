import Glibc
import Synchronization

/// A file that takes long to write, which goes with the process where a signal ends it. What is killed without a word leaves
/// it to the next write of its name.
enum UnfinishedFile {
  /// The address of the path that the handler removes, 0 for none; one file at a time.
  private static let path = Atomic<UInt>(0)
  private static let signals = [SIGINT, SIGTERM, SIGHUP]

  /// Runs `body`, while which such a signal removes the file at `path`. Signals that somebody else catches or ignores are
  /// left alone.
  static func guarded<Value>(_ path: String, _ body: () throws -> Value) rethrows -> Value {
    guard let copy = strdup(path) else { return try body() }
    defer { free(copy) }
    guard
      self.path.compareExchange(expected: 0, desired: UInt(bitPattern: copy), ordering: .acquiringAndReleasing)
        .exchanged
    else {
      return try body()
    }
    let caught = signals.filter(isDefault)
    for number in caught {
      signal(number) { number in
        if let path = UnsafePointer<CChar>(bitPattern: UnfinishedFile.path.load(ordering: .acquiring)) { unlink(path) }
        // It ends the process once the handler is through.
        _ = Glibc.signal(number, SIG_DFL)
        raise(number)
      }
    }
    defer {
      for number in caught { signal(number, SIG_DFL) }
      self.path.store(0, ordering: .releasing)
    }
    return try body()
  }

  private static func isDefault(_ number: Int32) -> Bool {
    var present = sigaction()
    guard sigaction(number, nil, &present) == 0 else { return false }
    return unsafeBitCast(present.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_DFL, to: Int.self)
  }
}
