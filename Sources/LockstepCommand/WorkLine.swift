import Lockstep

/// The live line of work that takes longer than a second: how much of it is done, and how long the rest takes. Nothing where
/// standard output is no terminal.
struct WorkLine: Sendable {
  private let line: TerminalLine
  private let name: String
  private let start = monotonicSeconds()

  init(_ name: String, isShown: Bool = isShownOnTerminal) {
    (self.name, line) = (name, TerminalLine(isShown: isShown))
  }

  /// Draws the line for a share of the work in 0…1, and takes it away with the last of it.
  func draw(_ share: Double) {
    let seconds = monotonicSeconds() - start
    if share >= 1 { return clear() }
    guard seconds > 1 else { return }
    line.draw {
      let left = share > 0 ? seconds / share * max(1 - share, 0) : .infinity
      return "\(name) \(TerminalLine.bar(share)) \(Int(share * 100)) %, \(ProgressPrinter.clock(left)) left"
    }
  }

  func clear() { line.clear() }
}
