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

/// What all reducers ask of the tensors that they are given.
extension [Tensor] {
  /// Whether these are the very same ones, in the same order.
  func areSame(as others: [Tensor]) -> Bool { count == others.count && zip(self, others).allSatisfy { $0 === $1 } }

  /// A code that loses bits is one of float32.
  func requireFloats() throws {
    if let odd = first(where: { $0.dtype != .float32 }) {
      throw TensorError("reduce", "gradients of \(odd.dtype) \(odd.shape) can't be compressed, but those of float32")
    }
  }
}

extension TensorError {
  /// The other ranks' sums may still arrive.
  static var stepLeftSums: TensorError {
    TensorError("reduce", "a step failed while its sums were on their way: this training can't go on")
  }
}
