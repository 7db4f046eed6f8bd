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
        ? try gradient.withRowMajor { (values: UnsafeBufferPointer<Double>) in digest(values) { $0.bitPattern } }
        : try gradient.withRowMajor { (values: UnsafeBufferPointer<Float>) in digest(values) { UInt64($0.bitPattern) } }
    }
  }

  /// Each step is one to one in the word and in what came before: no single change gets lost (FNV-1a, by words). In four
  /// chains, of which none waits for another.
  @inline(__always)
  private static func digest<T>(_ values: UnsafeBufferPointer<T>, _ bits: (T) -> UInt64) -> UInt64 {
    let (start, prime) = (0xCBF2_9CE4_8422_2325 as UInt64, 0x0000_0100_0000_01B3 as UInt64)
    guard let first = values.baseAddress else { return start }
    var (a, b, c, d) = (start, start, start, start)
    var i = 0
    while i + 4 <= values.count {
      a = (a ^ bits(first[i])) &* prime
      b = (b ^ bits(first[i + 1])) &* prime
      c = (c ^ bits(first[i + 2])) &* prime
      d = (d ^ bits(first[i + 3])) &* prime
      i += 4
    }
    while i < values.count {
      a = (a ^ bits(first[i])) &* prime
      i += 1
    }
    return [b, c, d].reduce(a) { ($0 ^ $1) &* prime }
  }
}
