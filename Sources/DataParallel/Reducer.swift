import Tensors

/// Sums tensors' gradients over all ranks while backward is still computing others: exactly, or by a code that loses bits.
/// Nothing else travels with them.
public protocol Reducer: AnyObject {
  /// A step begins, in which these tensors' gradients are summed; the same on all ranks.
  func begin(_ tensors: [Tensor]) throws
  /// Takes a finished gradient; at most once per tensor and step.
  func gradientReady(_ tensor: Tensor) throws
  /// No gradient comes any more: those that did not count as zero, and all sums are on their way after it.
  func complete() throws
  /// Waits for the sums, and leaves each tensor's `gradient` the one over all ranks.
  func finish() throws
  /// The step that came last is not taken: what it would leave for the next one is forgotten.
  func skip()
}

extension Reducer {
  public func skip() {}
}
