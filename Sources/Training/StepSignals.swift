import Glibc
import HDF5Files

/// What ranks tell each other with each step's gradients, at no extra message.
struct StepSignals {
  static let count = 3
  private var interrupts: Float = 0
  private var terminations: Float = 0
  private var notFiniteRanks: Float = 0

  init(stop: Int32?) {
    if stop == SIGINT { interrupts = 1 }
    if stop == SIGTERM { terminations = 1 }
  }

  init(_ numbers: [Float]) {
    guard numbers.count == Self.count else { return }
    (interrupts, terminations, notFiniteRanks) = (numbers[0], numbers[1], numbers[2])
  }

  var numbers: [Float] { [interrupts, terminations, notFiniteRanks] }

  var notFinite: Bool {
    get { notFiniteRanks > 0 }
    set { notFiniteRanks = newValue ? 1 : 0 }
  }

  /// The signal that asks to stop, if any rank received one.
  var stop: Int32? { terminations > 0 ? SIGTERM : interrupts > 0 ? SIGINT : nil }

  /// Throws on all ranks if any had a loss that is no number.
  func throwIfNotFinite(step: Int) throws {
    if notFinite { throw NotFiniteError(step: step) }
  }
}

/// A loss that became infinite or no number; all ranks stop with it, before the update.
public struct NotFiniteError: Failure {
  public let step: Int
  public var kind: FailureKind { .internalError }
  public var description: String {
    "the loss is not finite at step \(step): a lower learning rate or clipped gradients may help; nothing was updated"
  }
}
