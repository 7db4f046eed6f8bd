import Failures
import Glibc

/// What ranks tell each other with the sums of each step.
struct StepSignals {
  private var hangups = 0.0
  private var interrupts = 0.0
  private var terminations = 0.0
  private var notFiniteRanks = 0.0

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

  /// Whether the loss was no finite number on any rank.
  var notFinite: Bool { notFiniteRanks > 0 }

  /// The signal that asks to stop, if any rank received one.
  var stop: Int32? { terminations > 0 ? SIGTERM : interrupts > 0 ? SIGINT : hangups > 0 ? SIGHUP : nil }
}

/// A loss that became infinite or no number; all ranks stop with it, before the update.
public struct NotFiniteError: Failure {
  /// Of the optimizer, from 1: the one that was not taken.
  public let step: Int
  /// On which it was found, in order.
  public let ranks: [Int]
  public var isAgreed: Bool { true }
  public var description: String {
    "the loss is not finite at step \(step) on rank \(ranks.map(String.init).joined(separator: ", ")): a lower learning rate "
      + "may help, --check-numerics names the layer; nothing was updated"
  }
}
