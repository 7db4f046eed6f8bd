import Failures
import Foundation
import Synchronization

/// SIGINT and SIGTERM as a wish to stop after the present step. A second signal ends the process at once.
///
/// A thread of their own waits for them. A handler would run on the stack of whatever thread the signal meets, and
/// oneDNN's matrix products point the stack pointer at their workspace: the handler's frame would land in the heap.
public enum StopSignal {
  private static let received = Atomic<Int32>(0)
  private static let isWatched = Atomic<Bool>(false)

  /// Catches them from now on; what came before is forgotten. Call it first of all, before anything starts threads: only
  /// the calling thread and those begun after it are safe from a handler.
  public static func install() {
    received.store(0, ordering: .relaxed)
    var stops = sigset_t()
    sigemptyset(&stops)
    for number in [SIGINT, SIGTERM] {
      sigaddset(&stops, number)
      // For older threads, whose masks only they can change: a signal that meets one must not end the process.
      signal(number) { StopSignal.note($0) }
    }
    pthread_sigmask(SIG_BLOCK, &stops, nil)
    if isWatched.exchange(true, ordering: .relaxed) { return }
    let thread = Thread { [stops] in watch(stops) }
    thread.name = "lockstep stop"
    thread.start()
  }

  private static func watch(_ stops: sigset_t) {
    var (stops, number) = (stops, Int32(0))
    while sigwait(&stops, &number) == 0 { note(number) }
  }

  private static func note(_ number: Int32) {
    if !received.compareExchange(expected: 0, desired: number, ordering: .relaxed).exchanged { _exit(128 + number) }
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
