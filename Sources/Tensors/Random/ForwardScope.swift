import Synchronization

/// Makes statistics of a part of a batch those of the whole, for whoever has spread one over several processes.
public protocol StatisticsExchange: Sendable {
  /// Hands in numbers of this part and returns every part's, in an order that is the same everywhere. All parts call it
  /// alike.
  func gather(_ numbers: [Double]) throws -> [[Double]]
}

/// What a training knows about the forward pass that is going on: its samples, so that random layers draw by sample rather
/// than by place or order, and who holds the rest of the batch, for layers whose statistics are of the whole.
public final class ForwardScope: Sendable {
  @TaskLocal fileprivate static var current: ForwardScope?

  /// Runs `body` in the scope of now, whenever it is called.
  static func keeping<Result>(_ body: @escaping () -> Result) -> () -> Result {
    let scope = current
    return { $current.withValue(scope, operation: body) }
  }

  let seed: UInt64
  let time: Int
  /// The data set's index of each row of the batch.
  let samples: [Int]
  private let globalCount: Int
  private let statistics: (any StatisticsExchange)?
  private let layers = Atomic<Int>(0)

  private init(
    seed: UInt64, time: Int, samples: [Int], globalCount: Int, statistics: (any StatisticsExchange)?
  ) {
    (self.seed, self.time, self.samples) = (seed, time, samples)
    (self.globalCount, self.statistics) = (globalCount, statistics)
  }

  /// Runs `body`, a forward pass over the given samples at a time (an epoch, or a step) of a training with that seed.
  /// `globalCount` are the samples of the whole batch, of which these may be a slice; `statistics` reaches its other
  /// parts, where statistics are of all of them.
  public static func run<Result>(
    seed: UInt64, time: Int, samples: [Int], globalCount: Int = 0, statistics: (any StatisticsExchange)? = nil,
    _ body: () throws -> Result
  ) rethrows -> Result {
    let scope = ForwardScope(
      seed: seed, time: time, samples: samples, globalCount: globalCount, statistics: statistics)
    return try $current.withValue(scope, operation: body)
  }

  /// Whether a training drives this pass, which then updates running statistics when all slices and ranks are in.
  public static var isActive: Bool { current != nil }
  /// Whether a segment that is not kept is being computed (`checkpointed`): another one inside of it would take time and save little.
  public static var isCheckpointed: Bool { Segment.current != nil }
  /// Whether this pass computes again, for backward, what was computed before and not kept (`checkpointed`): a layer that takes
  /// note of its passes, as batch normalisation does for its running statistics, has noted this one.
  public static var isRepeated: Bool { Segment.current?.isRepeated ?? false }
  static var statistics: (any StatisticsExchange)? { current?.statistics }
  /// Whether the rows are a slice of a batch with others.
  static var isPartOfLargerBatch: Bool { current.map { $0.globalCount > $0.samples.count } ?? false }

  /// A key per row for the next random layer of the pass. Outside of a scope each call has numbers of its own.
  static func keys(_ purpose: RandomKey.Purpose, rows: Int) throws -> [RandomKey] {
    try Segment.remembered { try freshKeys(purpose, rows) }
  }

  private static func freshKeys(_ purpose: RandomKey.Purpose, _ rows: Int) throws -> [RandomKey] {
    guard let scope = current else {
      let (seed, call) = RandomStream.ofThread.next()
      return (0..<rows).map { RandomKey(seed: seed, purpose, layer: call & 0xFF_FFFF, time: -1, sample: $0) }
    }
    guard scope.samples.count == rows else {
      throw TensorError("random layer", "a batch of \(rows) rows in a pass over \(scope.samples.count) samples")
    }
    let layer = scope.layers.add(1, ordering: .relaxed).newValue
    return scope.samples.map { RandomKey(seed: scope.seed, purpose, layer: layer, time: scope.time, sample: $0) }
  }

  fileprivate func key(_ purpose: RandomKey.Purpose) -> RandomKey {
    let layer = layers.add(1, ordering: .relaxed).newValue
    return RandomKey(seed: seed, purpose, layer: layer, time: time, sample: RandomKey.ofNoSample)
  }
}

extension RandomKey {
  /// The key that is taken where none is given: the next of the thread's generator (`Tensor.manualSeed`). In a forward pass of a
  /// training it is a function of seed, step and layer alone, so that all slices of a batch and all ranks get the same numbers.
  public static func next(_ purpose: Purpose = .general) -> RandomKey {
    (try? Segment.remembered { fresh(purpose) }) ?? fresh(purpose)
  }

  private static func fresh(_ purpose: Purpose) -> RandomKey {
    if let scope = ForwardScope.current { return scope.key(purpose) }
    let (seed, call) = RandomStream.ofThread.next()
    return RandomKey(seed: seed, purpose, layer: 0xFF_FFFF, time: call, sample: ofNoSample)
  }

  /// In place of a sample's number.
  fileprivate static let ofNoSample = -2
}
