import Synchronization

/// What a job has decided about its kernels: fixed before its first step, the same on all of its ranks. What there is no plan for
/// is computed as the rule for all machines says.
public final class KernelPlans: Sendable {
  /// Raised whenever a native kernel has become faster or slower: older measurements no longer count.
  public static let version = 1

  private let choices: [KernelProblem: KernelChoice]
  private let missing = Mutex<[KernelProblem: Int]>([:])

  /// Those of a job.
  public init(_ plans: [KernelPlan]) {
    choices = Dictionary(plans.map { ($0.problem, $0.choice) }) { first, _ in first }
  }

  /// What there was no plan for, in a fixed order, with the size of the first batch that asked for it.
  public var unknown: [(problem: KernelProblem, batch: Int)] {
    missing.withLock { $0.map { (problem: $0.key, batch: $0.value) } }.sorted {
      let (left, right) = ($0.problem, $1.problem)
      return left.kind == right.kind
        ? left.extents.lexicographicallyPrecedes(right.extents) : left.kind.rawValue < right.kind.rawValue
    }
  }

  func choice(for problem: KernelProblem, batch: Int) -> KernelChoice? {
    if let known = choices[problem] { return known }
    missing.withLock { missing in
      if missing.count < 10_000 && missing[problem] == nil { missing[problem] = batch }
    }
    return nil
  }
}

/// The same object: a job's plans are made once.
extension KernelPlans: Equatable {
  public static func == (left: KernelPlans, right: KernelPlans) -> Bool { left === right }
}
