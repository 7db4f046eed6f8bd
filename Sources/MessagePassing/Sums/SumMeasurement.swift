import Failures

extension Communicator {
  /// The ways in which sums could be taken here, those that are not in use included.
  public var sumAlgorithms: [SumAlgorithm] { transport.sums?.plan.algorithms ?? [] }

  /// By which of them a sum of so many floats is taken; nil where there is nothing to choose.
  public func sumAlgorithm(elements: Int) -> SumAlgorithm? { transport.sums?.plan.algorithm(for: elements) }

  /// In words by which algorithms sums are taken.
  public var sumDescription: String? {
    guard let plan = transport.sums?.plan, size > 1 else { return nil }
    let hosts = Set(transport.sums?.hosts ?? []).count
    if plan.isOneHost { return SumAlgorithm.sharedMemory.rawValue }
    if !plan.isPowerOfTwo { return "\(SumAlgorithm.ring) over \(hosts) hosts" }
    let limit = plan.doublingElements * 4 / 1024
    return "doubling up to \(limit) KB, halving above, over \(hosts) hosts (measured)"
  }

  /// How long a sum of so many floats takes: the shortest of some, on the slowest rank. Collective.
  public func measureSum(elements: Int, by algorithm: SumAlgorithm, repetitions: Int = 3) throws -> Double {
    let memory = UnsafeMutableBufferPointer<Float>.allocate(capacity: elements)
    memory.initialize(repeating: 0)
    defer { memory.deallocate() }
    var shortest = Double.infinity
    for _ in 0..<max(1, repetitions) {
      let seconds = try collective(CollectiveCall(.allReduce, .float32, .sum, count: elements)) {
        try transport.barrier()
        let start = monotonicSeconds()
        try transport.sum(Message(memory), by: algorithm)
        return monotonicSeconds() - start
      }
      shortest = min(shortest, try allReduce([seconds], .maximum)[0])
    }
    return shortest
  }

  /// Finds out up to which size sums go by doubling between these hosts. Takes a fifth of a second, or one sum. Collective.
  func planSums() throws {
    guard let sums = transport.sums, sums.plan.isInBackground, sums.plan.isPowerOfTwo else { return }
    var (elements, spent) = (1 << 12, 0.0)
    while elements <= 1 << 20, spent < 0.2 {
      let doubling = try measureSum(elements: elements, by: .doubling)
      let halving = try measureSum(elements: elements, by: .halving)
      spent += 3 * (doubling + halving)
      if doubling > halving { break }
      sums.plan.doublingElements = elements
      elements *= 4
    }
  }
}
