import Failures
import Glibc

/// What ranks tell each other with the sums of each step.
struct StepSignals {
  private var hangups = 0.0
  private var interrupts = 0.0
  private var terminations = 0.0
  private var notFiniteRanks = 0.0

  /// - Parameters:
  ///   - stop: the signal that this rank received.
  ///   - isFinite: whether its loss and gradients are.
  init(stop: Int32?, isFinite: Bool) {
    if stop == SIGHUP { hangups = 1 }
    if stop == SIGINT { interrupts = 1 }
    if stop == SIGTERM { terminations = 1 }
    if !isFinite { notFiniteRanks = 1 }
  }

  /// The sums of all ranks' numbers.
  init(_ numbers: [Double]) {
    guard numbers.count == 4 else { return }
    (hangups, interrupts, terminations, notFiniteRanks) = (numbers[0], numbers[1], numbers[2], numbers[3])
  }

  var numbers: [Double] { [hangups, interrupts, terminations, notFiniteRanks] }

  /// Whether a loss or gradient was no finite number on any rank.
  var notFinite: Bool { notFiniteRanks > 0 }

  /// The signal that asks to stop, if any rank received one.
  var stop: Int32? { terminations > 0 ? SIGTERM : interrupts > 0 ? SIGINT : hangups > 0 ? SIGHUP : nil }
}
