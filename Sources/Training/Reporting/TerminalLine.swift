import Failures
import HDF5Files
import Synchronization

/// The last line of a terminal, drawn over and over while work goes on; nothing where there is no terminal.
public final class TerminalLine: Sendable {
  private let isShown: Bool
  private let lastDrawn = Mutex(0.0)

  /// Draws only where standard output ends on a terminal, unless said otherwise.
  public init(isShown: Bool = isShownOnTerminal) { self.isShown = isShown }

  /// Draws the line, unless it was only just drawn. May be called on any thread.
  public func draw(_ text: () -> String) {
    guard isShown else { return }
    let now = monotonicSeconds()
    let isDue = lastDrawn.withLock { last in
      guard now - last > 0.1 else { return false }
      last = now
      return true
    }
    if isDue { StandardOutput.live(text()) }
  }

  /// Takes the line away.
  public func clear() { if isShown { StandardOutput.clearLive() } }

  /// `[====      ]`
  public static func bar(_ share: Double) -> String {
    let full = Int((min(max(share, 0), 1) * 20).rounded())
    return "[" + String(repeating: "=", count: full) + String(repeating: " ", count: 20 - full) + "]"
  }
}
