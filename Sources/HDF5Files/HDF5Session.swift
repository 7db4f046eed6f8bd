import CHDF5
import Failures
import Glibc

/// The one door to libhdf5, which is not thread-safe as Debian builds it: every call happens inside `locked`.
enum HDF5Library {
  /// A recursive lock, so that a file may be released while another of its operations runs on the same thread.
  private final class Lock: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    /// What files are read through, and written.
    let reader, writer: hid_t

    init() {
      // libhdf5 leaks handles of damaged files and would print about them at exit. With nothing of its own to write to
      // the disk it has no business there.
      _ = H5dont_atexit()
      // A file may name any filter, and whoever sets HDF5_PLUGIN_PATH would have us run a program for it.
      _ = H5PLset_loading_state(0)
      _ = h5_register_references()
      reader = h5_register_reader()
      writer = h5_register_writer()
      mutex = .allocate(capacity: 1)
      var attributes = pthread_mutexattr_t()
      pthread_mutexattr_init(&attributes)
      pthread_mutexattr_settype(&attributes, Int32(PTHREAD_MUTEX_RECURSIVE))
      pthread_mutex_init(mutex, &attributes)
      pthread_mutexattr_destroy(&attributes)
    }

    func lock() { pthread_mutex_lock(mutex) }
    func unlock() { pthread_mutex_unlock(mutex) }
  }

  private static let lock = Lock()

  /// How files are opened that are read. Call with the lock held.
  static func readingAccess(_ session: HDF5Session) throws -> hid_t {
    let access = try session.own(h5_new_file_access(), H5Pclose, "preparing")
    try session.check(H5Pset_driver(access, session.check(lock.reader, "preparing"), nil), "preparing")
    try session.check(h5_disable_file_locking(access), "preparing")
    return access
  }

  /// How a file is made that is written to `target`. Call with the lock held.
  static func writingAccess(_ target: UnsafeMutablePointer<h5_target>, _ session: HDF5Session) throws -> hid_t {
    let access = try session.own(h5_new_file_access(), H5Pclose, "preparing")
    try session.check(h5_set_target(access, session.check(lock.writer, "preparing"), target), "preparing")
    try session.check(h5_disable_file_locking(access), "preparing")
    return access
  }

  static func locked<Result>(_ body: () throws -> Result) rethrows -> Result {
    lock.lock()
    defer { lock.unlock() }
    // Off per call, as a thread-safe libhdf5 keeps one setting per thread. Errors are thrown, not printed.
    _ = H5Eset_auto2(0, nil, nil)
    return try body()
  }
}

/// The handles that one operation opens: invalid ones are rejected, each is closed exactly once, in reverse order.
///
/// Plain ids (rather than an object per handle) keep every handle alive until the operation has ended: Swift may
/// release an object after the last mention of it, which would be before libhdf5 has used its id.
final class HDF5Session {
  let path: String
  let object: String?
  let failure: HDF5Error.Reason
  private var owned: [(id: hid_t, close: (hid_t) -> herr_t)] = []

  /// Runs `body` with the lock held. `failure` is the reason given for what libhdf5 itself rejects.
  static func run<Result>(
    path: String, object: String?, failure: HDF5Error.Reason, _ body: (HDF5Session) throws -> Result
  ) throws -> Result {
    try HDF5Library.locked {
      let session = HDF5Session(path: path, object: object, failure: failure)
      defer { session.closeAll() }
      return try body(session)
    }
  }

  private init(path: String, object: String?, failure: HDF5Error.Reason) {
    self.path = path
    self.object = object
    self.failure = failure
  }

  /// Takes over `id`, or throws if libhdf5 could not make it.
  func own(_ id: hid_t, _ close: @escaping (hid_t) -> herr_t, _ doing: String) throws -> hid_t {
    guard id >= 0 else { throw failed(doing) }
    owned.append((id, close))
    return id
  }

  /// Throws if `status`, libhdf5's answer, is negative; else hands it on.
  @discardableResult
  func check<Status: SignedInteger>(_ status: Status, _ doing: String) throws -> Status {
    guard status >= 0 else { throw failed(doing) }
    return status
  }

  func failed(_ doing: String) -> HDF5Error {
    error(failure, "\(doing) failed (\(lastHDF5Failure()))")
  }

  func error(_ reason: HDF5Error.Reason, _ what: String) -> HDF5Error {
    HDF5Error(reason, path: path, object: object, what)
  }

  private func closeAll() {
    while let (id, close) = owned.popLast() { _ = close(id) }
  }
}

extension HDF5File {
  /// The version of libhdf5 in use.
  public static var libraryVersion: String {
    var (major, minor, release): (UInt32, UInt32, UInt32) = (0, 0, 0)
    H5get_libversion(&major, &minor, &release)
    return "HDF5 \(major).\(minor).\(release)"
  }
}
