import Kernels
import Tensors

/// What can be said of gradients before they change anything.
public enum GradientSize: Sendable {
  /// All below 1e15: no update by a rate of ordinary size can leave the range of float32.
  case ordinary
  /// Finite, but so large that an update need not be.
  case large
  /// One at least is infinite or NaN.
  case notFinite

  /// Of all gradients together, in one quick walk where they are ordinary. Tensors without a gradient don't count.
  public init(of tensors: [Tensor]) throws {
    self = .ordinary
    for tensor in tensors {
      guard let gradient = tensor.gradient, try !gradient.isOrdinary() else { continue }
      self = .large
      if try !gradient.isFinite() {
        self = .notFinite
        return
      }
    }
  }
}

extension Tensor {
  /// Whether no element is infinite or NaN.
  public final func isFinite() throws -> Bool {
    switch dtype {
    case .float32: try withRowMajor { (values: UnsafeBufferPointer<Float>) in allFinite(values) }
    case .float64: try withRowMajor { (values: UnsafeBufferPointer<Double>) in allFinite(values) }
    default: true
    }
  }

  fileprivate final func isOrdinary() throws -> Bool {
    dtype == .float64
      ? try withRowMajor { (values: UnsafeBufferPointer<Double>) in areOrdinary(values) }
      : try withRowMajor { (values: UnsafeBufferPointer<Float>) in areOrdinary(values) }
  }
}

private func allFinite<T: FloatElement>(_ values: UnsafeBufferPointer<T>) -> Bool {
  values.baseAddress.map { Finite.all($0, count: values.count) } ?? true
}

private func areOrdinary<T: FloatElement>(_ values: UnsafeBufferPointer<T>) -> Bool {
  values.baseAddress.map { Finite.sumOfSquares($0, count: values.count) < 1e30 } ?? true
}
