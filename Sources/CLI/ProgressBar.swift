import HDF5Files
import Lockstep
import Synchronization

/// A line on a terminal that shows how far work of known length is; nothing where there is no terminal.
final class ProgressBar: Sendable {
  private let title: String
  private let total: Int
  private let isShown: Bool
  private let start = monotonicSeconds()
  private let lastDrawn = Mutex(0.0)

  init(_ title: String, total: Int, isShown: Bool = isShownOnTerminal) {
    (self.title, self.total, self.isShown) = (title, total, isShown)
  }

  /// May be called on any thread.
  func show(_ done: Int) {
    guard isShown else { return }
    let now = monotonicSeconds()
    let isDue = lastDrawn.withLock { last in
      guard now - last > 0.1 else { return false }
      last = now
      return true
    }
    guard isDue else { return }
    let full = 20 * done / max(total, 1)
    let bar = String(repeating: "=", count: full) + String(repeating: " ", count: 20 - full)
    let left = (now - start) / Double(max(done, 1)) * Double(total - done)
    StandardOutput.live("\(title) [\(bar)] \(done)/\(total), \(Int(left.rounded())) s left")
  }

  /// Takes the line away.
  func finish() { if isShown { StandardOutput.clearLive() } }
}
