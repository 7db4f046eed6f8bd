import Tensors

/// Sums over the ranks what the slices of a step came to. The trainer calls, on every rank: `gradientReady` as backward
/// finishes with a parameter in the last slice, `sliceFinished` after each slice, `finish` once.
public protocol Reducer: AnyObject {
  /// Numbers that all ranks learn the sum of, beside the gradients.
  var signals: [Float] { get set }

  func gradientReady(_ parameter: Tensor) throws
  /// Takes a slice's losses and counts; after the last slice, `finish`.
  func sliceFinished(_ totals: [Double]) throws
  /// Leaves each parameter's `gradient` the sum over all slices and ranks; returns this rank's part of the totals.
  func finish() throws -> [Double]
}
