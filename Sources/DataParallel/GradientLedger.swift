import Kernels
import Tensors

/// Digests of what a rank puts into a step's sums, so that another one can compute it again and compare.
///
/// A digest is of the bits, and of their order: two gradients that differ in a single bit have different ones.
public final class GradientLedger {
  /// Whether a step's gradients are noted; that takes a walk over them.
  public private(set) var isOpen = false
  /// By virtual shard in the order in which the rank computed them, then by tensor.
  public private(set) var digests: [[UInt64]] = []

  /// Closed.
  public init() {}

  /// Notes what comes from here on, until it is closed.
  public func open() { (isOpen, digests) = (true, []) }

  /// Notes nothing any more; what was noted stays.
  public func close() { isOpen = false }

  /// Takes what a virtual shard came to.
  public func note(_ tensors: [Tensor]) throws { if isOpen { digests.append(try Self.digests(of: tensors)) } }

  /// One for each tensor's gradient; 0 for one that has none.
  public static func digests(of tensors: [Tensor]) throws -> [UInt64] {
    try tensors.map { tensor in
      guard let gradient = tensor.gradient else { return 0 }
      return gradient.dtype == .float64
        ? try gradient.withRowMajor { (values: UnsafeBufferPointer<Double>) in BitHash.of(values) { $0.bitPattern } }
        : try Replicas.digest(gradient)
    }
  }
}
