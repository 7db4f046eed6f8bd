/// A way to add up floats over the ranks of a job.
public enum SumAlgorithm: String, CaseIterable, Sendable {
  /// Through memory that the ranks of one host share.
  case sharedMemory = "shared memory"
  /// Whole vectors to and fro between pairs, then pairs of pairs: the fewest messages.
  case doubling
  /// Halves, then quarters, and back: the fewest bytes, in few messages.
  case halving
  /// Round a ring: the fewest bytes, between any number of ranks.
  case ring
  /// As the MPI library does it.
  case library
}

/// By which algorithm the sums of a group of ranks are taken.
///
/// A choice that depends on measured times is one between algorithms that add in the same order: it changes no bit.
struct SumPlan: Equatable {
  /// Of fewer elements only the latency counts, which the library's sums are good at.
  static let leastElements = 1024
  /// Elements up to which a ring of ranks is too slow, where there is no power of two of them.
  private static let leastRingElements = 1 << 12

  let size: Int
  let isOneHost: Bool
  /// Sums of so many elements, and fewer, go by doubling, larger ones by halving; measured.
  var doublingElements = 1 << 14

  var isPowerOfTwo: Bool { size & (size - 1) == 0 }

  /// Whether a sum goes on by itself while its ranks compute.
  var isInBackground: Bool { size > 1 && !isOneHost }

  func algorithm(for count: Int) -> SumAlgorithm {
    if size == 1 || count < Self.leastElements { return .library }
    if isOneHost { return .sharedMemory }
    if isPowerOfTwo { return count <= doublingElements ? .doubling : .halving }
    return count < Self.leastRingElements ? .doubling : .ring
  }

  /// What there is to measure.
  var algorithms: [SumAlgorithm] {
    if size == 1 { return [] }
    if isOneHost { return [.sharedMemory, .library] }
    return isPowerOfTwo ? [.doubling, .halving, .ring, .library] : [.doubling, .ring, .library]
  }
}
