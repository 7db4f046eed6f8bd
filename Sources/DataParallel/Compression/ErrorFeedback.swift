/// What a lossy code left out of a rank's gradients, which is added to those of the next step: so every bit of a gradient
/// arrives in the end, and the sum of all that was applied is that of all gradients but for what is left at the moment.
/// Source: Seide et al. 2014; Karimireddy et al. 2019.
///
/// What a step leaves counts once it is taken: a step that is skipped, for a number that is not finite say, changes nothing.
final class ErrorFeedback {
  /// Of the step before.
  private(set) var carried: Numbers<Float>
  /// Of this one.
  private(set) var left: Numbers<Float>
  private var isTaken = false

  init(count: Int) { (carried, left) = (Numbers(count: count), Numbers(count: count)) }

  /// A step begins: the one before was taken.
  func begin() {
    if isTaken { swap(&carried, &left) }
    isTaken = false
  }

  /// All of `left` is there.
  func finish() { isTaken = true }

  /// The step is not taken.
  func skip() { isTaken = false }

  /// Adds what was carried to gradients, which lie in one order with it.
  func add(to values: UnsafeMutableBufferPointer<Float>) {
    guard let target = values.baseAddress, let carried = carried.values.baseAddress else { return }
    for i in 0..<values.count { target[i] += carried[i] }
  }
}
