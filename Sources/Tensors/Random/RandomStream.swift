import Synchronization

/// The default generator: which numbers are drawn where no key is given. It counts calls and nothing else; the numbers are
/// functions of seed and count, as those of any key.
///
/// Each thread has its own, which begins with the seed that was set last. So ranks, processes of one program or threads that play
/// them, draw the same numbers as long as they draw alike.
final class RandomStream: PerThreadValue {
  private static let lastSeed = Mutex<UInt64>(0)

  private var seed = RandomStream.lastSeed.withLock { $0 }
  private var calls = 0
  private var layers = 0

  private func restart(_ seed: UInt64) { (self.seed, calls, layers) = (seed, 0, 0) }

  /// The seed, and how many calls there were with this one.
  func next() -> (seed: UInt64, call: Int) {
    calls &+= 1
    return (seed, calls)
  }

  /// The same for a layer's first values, which take up to 16 keys.
  fileprivate func nextLayer() -> (seed: UInt64, layer: Int) {
    layers &+= 16
    return (seed, layers)
  }

  fileprivate static func start(_ seed: UInt64) {
    lastSeed.withLock { $0 = seed }
    ofThread.restart(seed)
  }

  private static let ofEachThread = PerThread<RandomStream>()
  static var ofThread: RandomStream { ofEachThread.value }
}

extension RandomKey {
  /// The key of a layer that is made on its own, outside of a network with a seed.
  public static func nextOfLayer() -> RandomKey {
    let (seed, layer) = RandomStream.ofThread.nextLayer()
    return RandomKey(seed: seed, .initialization, layer: layer, time: 1)
  }
}

extension Tensor {
  /// Begins anew with the numbers that are drawn without a key, by layers' first values and dropout, too: PyTorch's `manual_seed`.
  /// A program that does not call it draws those of seed 0, the same in each run and on each rank.
  ///
  /// Ranks draw the same numbers as long as all of them draw alike; what only one of them draws, in an `if rank == 0` say, moves it
  /// apart from the others, and wants a `RandomKey`. A thread begins with the seed that was set last on any. In a training's
  /// forward pass numbers without a key are the same for all slices of the batch; `normal(like:)` and `uniform(like:)` draw by sample.
  public static func manualSeed(_ seed: UInt64) { RandomStream.start(seed) }

  /// Float32 numbers evenly in `low..<high` for each sample of a batch, its first axis, whatever rank and place it has.
  public static func uniform(like batch: Tensor, _ low: Double = 0, _ high: Double = 1) -> Tensor {
    batch.bySample { uniform($0, low, high, key: $1) }
  }

  /// Normal float32 numbers for each sample of a batch, its first axis, whatever rank and place it has.
  public static func normal(like batch: Tensor, mean: Double = 0, standardDeviation: Double = 1) -> Tensor {
    batch.bySample { normal($0, mean: mean, standardDeviation: standardDeviation, key: $1) }
  }

  private final func bySample(_ draw: (Shape, RandomKey) -> Tensor) -> Tensor {
    attempt(as: nil, .float32) {
      guard rank > 0 else { throw TensorError("random numbers", "a scalar is no batch of samples") }
      let keys = try ForwardScope.keys(.general, rows: shape[0])
      let result = Tensor.zeros(shape)
      for (row, key) in keys.enumerated() { result[row].assign(draw(Shape(Array(shape.dropFirst())), key)) }
      return result
    }
  }
}
