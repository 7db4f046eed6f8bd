import CSignals
import Failures
import Foundation
import MessagePassing
import Synchronization

/// SIGINT, SIGTERM and SIGHUP as a wish to stop after the present step. What follows within two seconds is the same wish: a
/// launcher, a process group and a terminal may each pass on the one signal. A later one ends the process at once.
///
/// A launcher that is gone is such a wish, too: Open MPI lets its ranks live for a second after their mpirun was killed.
///
/// A thread of their own waits for them. A handler would run on the stack of whatever thread the signal meets, and
/// oneDNN's matrix products point the stack pointer at their workspace: the handler's frame would land in the heap.
public enum StopSignal {
  private static let received = Atomic<Int32>(0)
  private static let receivedAt = Atomic<Int>(0)
  private static let isWatched = Atomic<Bool>(false)
  private static let follower = Mutex<(@Sendable () -> Void)?>(nil)
  static let sameWishSeconds = 2.0
  /// A signal that nobody else sends.
  private static let launcherDied = __libc_current_sigrtmin() + 5

  /// Catches them from now on; what came before is forgotten. Call it first of all, before anything starts threads: only
  /// the calling thread and those begun after it are safe from a handler.
  ///
  /// SIGHUP stays ignored where it is (`nohup`). SIGPIPE no longer ends the process: a training goes on when nobody reads
  /// what it prints.
  public static func install() {
    received.store(0, ordering: .relaxed)
    restoreHangup()
    signal(SIGPIPE, SIG_IGN)
    var stops = sigset_t()
    sigemptyset(&stops)
    for number in [SIGINT, SIGTERM, SIGHUP] where number != SIGHUP || !isIgnored(number) {
      sigaddset(&stops, number)
      // For older threads, whose masks only they can change: a signal that meets one must not end the process.
      signal(number) { StopSignal.note($0) }
    }
    if Launcher.isPresent {
      sigaddset(&stops, launcherDied)
      Launcher.announceEnd(by: launcherDied)
    }
    pthread_sigmask(SIG_BLOCK, &stops, nil)
    if isWatched.exchange(true, ordering: .relaxed) { return }
    let thread = Thread { [stops, launcher = getppid()] in watch(stops, launcher) }
    thread.name = "lockstep stop"
    thread.start()
  }

  /// What a library has made of SIGHUP before the program began is undone. To be called before anything of one's own catches
  /// it.
  public static func restoreHangup() { signals_restore_hangup() }

  private static func isIgnored(_ number: Int32) -> Bool {
    var present = sigaction()
    guard sigaction(number, nil, &present) == 0 else { return false }
    return unsafeBitCast(present.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }

  private static func watch(_ stops: sigset_t, _ launcher: pid_t) {
    var (stops, number) = (stops, Int32(0))
    while sigwait(&stops, &number) == 0 {
      if number == launcherDied {
        // The system sends it as well when only the thread that started this process has ended.
        if getppid() == launcher { continue }
        number = SIGTERM
      }
      note(number)
      startFollower()
    }
  }

  private static func startFollower() {
    guard let follow = follower.withLock({ $0 }) else { return }
    follower.withLock { $0 = nil }
    Thread { follow() }.start()
  }

  private static func note(_ number: Int32) {
    let now = monotonicNanoseconds()
    if received.compareExchange(expected: 0, desired: number, ordering: .relaxed).exchanged {
      receivedAt.store(Int(now), ordering: .relaxed)
    } else if Double(Int(now) - receivedAt.load(ordering: .relaxed)) > sameWishSeconds * 1e9 {
      _exit(128 + number)
    }
  }

  /// Has `body` run on a thread of its own when the first signal comes; nil: nothing more.
  static func follow(_ body: (@Sendable () -> Void)?) {
    follower.withLock { $0 = body }
    if pending != nil { startFollower() }
  }

  /// The signal that came, nil as long as none did.
  public static var pending: Int32? {
    let number = received.load(ordering: .relaxed)
    return number == 0 ? nil : number
  }
}

/// A training that was interrupted, after it saved its state.
public struct Interrupted: Failure {
  /// `SIGINT` or `SIGTERM`.
  public let signal: Int32
  /// The last that was taken.
  public let step: Int
  /// The folder of its checkpoints, if it saves any.
  public let folder: String?
  public var exitCode: Int32 { 128 + signal }
  public var isAgreed: Bool { true }
  public var description: String {
    "interrupted after step \(step); " + (folder.map { "the state is saved in \($0)" } ?? "nothing was saved")
  }
}
