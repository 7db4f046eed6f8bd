import Glibc
import Synchronization

/// A file that takes long to write, which goes with the process where a signal ends it. What is killed without a word leaves
/// it to the next write of its name.
enum UnfinishedFile {
  /// What the handler removes; one file at a time.
  private static let path = Atomic<UnsafeMutablePointer<CChar>?>(nil)
  private static let signals = [SIGINT, SIGTERM, SIGHUP]

  /// Runs `body`, while which such a signal removes the file at `path`. Signals that somebody else catches or ignores are
  /// left alone.
  static func guarded<Value>(_ path: String, _ body: () throws -> Value) rethrows -> Value {
    guard let copy = strdup(path) else { return try body() }
    defer { free(copy) }
    guard self.path.compareExchange(expected: nil, desired: copy, ordering: .acquiringAndReleasing).exchanged else {
      return try body()
    }
    let caught = signals.filter(isDefault)
    for number in caught {
      signal(number) { number in
        if let path = UnfinishedFile.path.load(ordering: .acquiring) { unlink(path) }
        // It ends the process once the handler is through.
        _ = Glibc.signal(number, SIG_DFL)
        raise(number)
      }
    }
    defer {
      for number in caught { signal(number, SIG_DFL) }
      self.path.store(nil, ordering: .releasing)
    }
    return try body()
  }

  private static func isDefault(_ number: Int32) -> Bool {
    var present = sigaction()
    guard sigaction(number, nil, &present) == 0 else { return false }
    return unsafeBitCast(present.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_DFL, to: Int.self)
  }
}
