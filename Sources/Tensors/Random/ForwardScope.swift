import Synchronization

/// Which samples are going through a network, so that random layers draw by sample rather than by rank or order.
public final class ForwardScope: Sendable {
  @TaskLocal private static var current: ForwardScope?
  private static let unscopedCalls = Atomic<Int>(0)

  let seed: UInt64
  let time: Int
  /// The data set's index of each row of the batch.
  let samples: [Int]
  private let layers = Atomic<Int>(0)

  private init(seed: UInt64, time: Int, samples: [Int]) {
    (self.seed, self.time, self.samples) = (seed, time, samples)
  }

  /// Runs `body`, a forward pass over the given samples at a time (an epoch, or a step) of a training with that seed.
  public static func run<Result>(
    seed: UInt64, time: Int, samples: [Int], _ body: () throws -> Result
  ) rethrows -> Result {
    try $current.withValue(ForwardScope(seed: seed, time: time, samples: samples), operation: body)
  }

  /// A key per row for the next random layer of the pass. Outside of a scope each call has numbers of its own.
  static func keys(_ purpose: RandomKey.Purpose, rows: Int) throws -> [RandomKey] {
    guard let scope = current else {
      let call = unscopedCalls.add(1, ordering: .relaxed).newValue
      return (0..<rows).map { RandomKey(seed: 0, purpose, layer: call & 0xFF_FFFF, time: -1, sample: $0) }
    }
    guard scope.samples.count == rows else {
      throw TensorError("random layer", "a batch of \(rows) rows in a pass over \(scope.samples.count) samples")
    }
    let layer = scope.layers.add(1, ordering: .relaxed).newValue
    return scope.samples.map { RandomKey(seed: scope.seed, purpose, layer: layer, time: scope.time, sample: $0) }
  }
}

extension Tensor {
  /// Each element 0 with the given probability, else divided by `1 - probability`, so that the expectation stays; the
  /// derivative goes through the same mask. Masks are drawn by sample, the first axis. Source: Srivastava et al. 2014.
  public final func droppedOut(_ probability: Double) throws -> Tensor {
    guard (0...1).contains(probability) else {
      throw TensorError("dropout", "probability \(probability) is not in 0…1")
    }
    if probability == 0 { return self }
    let rows = rank == 0 ? 1 : shape[0]
    let width = rows == 0 ? 0 : elementCount / rows
    let mask = try Tensor(uninitialized: shape, .float32)
    let target = mask.pointer(Float.self)
    let scale = probability == 1 ? 0 : Float(1 / (1 - probability))
    for (row, key) in try ForwardScope.keys(.dropout, rows: rows).enumerated() {
      let start = target + row * width
      key.fillUniform(start, count: width)
      for i in 0..<width { start[i] = start[i] < Float(probability) ? 0 : scale }
    }
    return try self * mask
  }
}
