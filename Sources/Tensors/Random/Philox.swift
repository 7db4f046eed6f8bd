import Kernels

/// Philox 4×32 with 10 rounds: four random numbers as a pure function of a key and a counter.
///
/// Source: Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (2011).
public enum Philox {
  /// Four numbers of 32 random bits: a function of key and counter.
  public static func block(key: UInt64, counter: SIMD4<UInt32>) -> SIMD4<UInt32> {
    var state = counter
    var (first, second) = (UInt32(truncatingIfNeeded: key), UInt32(truncatingIfNeeded: key >> 32))
    for _ in 0..<10 {
      let left = UInt64(state.x) &* 0xD251_1F53
      let right = UInt64(state.z) &* 0xCD9E_8D57
      state = SIMD4(
        UInt32(truncatingIfNeeded: right >> 32) ^ state.y ^ first, UInt32(truncatingIfNeeded: right),
        UInt32(truncatingIfNeeded: left >> 32) ^ state.w ^ second, UInt32(truncatingIfNeeded: left))
      first &+= 0x9E37_79B9
      second &+= 0xBB67_AE85
    }
    return state
  }
}

/// Names a random quantity by what it is for. The same key gives the same numbers whatever was drawn before, on whichever
/// rank: so ranks, restarts and the order of evaluation can't change them.
public struct RandomKey: Hashable, Sendable {
  /// What the numbers are for; each use has numbers of its own.
  public enum Purpose: UInt8, Sendable {
    /// Numbers of one purpose are independent of those of another.
    case general, initialization, shuffling, dropout, augmentation, synthesis, splitting, generation
  }

  /// The training's.
  public var seed: UInt64
  /// What the numbers are for: others are independent of these.
  public var purpose: Purpose
  /// Which parameter or layer, up to 2²⁴.
  public var layer: Int
  /// Epoch, or step.
  public var time: Int
  /// Which sample of the data set.
  public var sample: Int

  /// Every combination has numbers of its own.
  public init(seed: UInt64, _ purpose: Purpose = .general, layer: Int = 0, time: Int = 0, sample: Int = 0) {
    (self.seed, self.purpose, self.layer, self.time, self.sample) = (seed, purpose, layer, time, sample)
  }

  /// The `index`-th four numbers.
  public func block(_ index: Int) -> SIMD4<UInt32> {
    Philox.block(
      key: seed,
      counter: SIMD4(UInt32(truncatingIfNeeded: index), words.sample, words.time, words.purpose))
  }

  /// The last three words of its counters.
  private var words: (sample: UInt32, time: UInt32, purpose: UInt32) {
    (
      UInt32(truncatingIfNeeded: sample), UInt32(truncatingIfNeeded: time),
      UInt32(truncatingIfNeeded: layer) << 8 | UInt32(purpose.rawValue)
    )
  }

  /// The `index`-th number, evenly in `0..<1`.
  public func uniform(_ index: Int) -> Float { Self.unit(block(index >> 2)[index & 3]) }

  /// 24 random bits as a float in `0..<1`.
  static func unit(_ bits: UInt32) -> Float { Float(bits >> 8) * 0x1p-24 }

  /// Writes evenly distributed numbers in `0..<1`.
  public func fillUniform(_ target: UnsafeMutablePointer<Float>, count: Int) {
    let words = words
    ElementShares.run(count) { range in
      UniformNumbers.fill(
        target + range.lowerBound, count: range.count, from: range.lowerBound, seed: seed, sample: words.sample,
        time: words.time, purpose: words.purpose)
    }
  }

  /// `0..<count` in random order (Fisher and Yates).
  public func permutation(_ count: Int) -> [Int] {
    var order = Array(0..<max(count, 0))
    for last in stride(from: count - 1, to: 0, by: -1) { order.swapAt(last, bounded(last + 1, draw: last)) }
    return order
  }

  /// An even choice among `0..<bound`; draws are independent of each other.
  public func bounded(_ bound: Int, draw: Int) -> Int {
    let bits = block(draw)
    let word = UInt64(bits.x) | UInt64(bits.y) << 32
    // The high half of a 64×64 bit product: a bias of bound / 2⁶⁴ is beyond any test.
    return Int(word.multipliedFullWidth(by: UInt64(max(bound, 1))).high)
  }
}
