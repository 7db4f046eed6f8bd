import Glibc
import Synchronization

/// SIGINT and SIGTERM as a wish to stop after the present step. A second signal ends the process at once.
public enum StopSignal {
  private static let received = Atomic<Int32>(0)

  /// Catches them from now on; what came before is forgotten.
  public static func install() {
    received.store(0, ordering: .relaxed)
    for number in [SIGINT, SIGTERM] {
      signal(number) { number in
        if !StopSignal.received.compareExchange(expected: 0, desired: number, ordering: .relaxed).exchanged {
          _exit(128 + number)
        }
      }
    }
  }

  /// The signal that came, nil as long as none did.
  public static var pending: Int32? {
    let number = received.load(ordering: .relaxed)
    return number == 0 ? nil : number
  }
}

/// A training that was interrupted, after it saved its state.
public struct Interrupted: Error, CustomStringConvertible {
  public let signal: Int32
  public let step: Int
  /// The folder of its checkpoints, if it saves any.
  public let folder: String?
  public var description: String {
    "interrupted after step \(step); " + (folder.map { "the state is saved in \($0)" } ?? "nothing was saved")
  }
}
