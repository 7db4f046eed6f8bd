import Tensors

/// Adds to each step of `[batch, steps, width]` sines and cosines of its position, of wavelengths from 2π to 10,000 · 2π: number 2i of
/// position p gets `sin(p / 10000^(2i / width))`, number 2i + 1 the cosine; then dropout. The book's `PositionalEncoding`, without
/// parameters. Source: Vaswani et al. 2017.
public final class PositionalEncoding: Module {
  /// Numbers of a step.
  public let width: Int
  /// Of the sums, in training.
  public let dropout: Double
  /// Of the positions that were asked for so far.
  private var table: Tensor

  /// For steps of such a width.
  public init(_ width: Int, dropout: Double = 0) {
    (self.width, self.dropout) = (width, dropout)
    table = Self.table(positions: 64, width)
  }

  public override func forward(_ input: Tensor) -> Tensor { encode(input, from: 0) }

  /// The same for steps of which the first is at position `start`.
  public func encode(_ input: Tensor, from start: Int) -> Tensor {
    guard input.rank == 3, input.shape[2] == width, start >= 0 else {
      let error = TensorError(
        "positional encoding", "needs [batch, steps, \(width)] from a position on, not \(input.shape) from \(start)")
      return Tensor(fault: error, of: [input], input.shape)
    }
    let end = start + input.shape[1]
    if table.shape[0] < end { table = Self.table(positions: 2 * end, width) }
    let sum = input + table[start..<end].to(input.dtype)
    return isTraining ? sum.droppedOut(dropout) : sum
  }

  /// `[positions, width]`: exact functions, so that every processor has the same bits.
  public static func table(positions: Int, _ width: Int) -> Tensor {
    let angles = positionAngles(max(positions, 1), width, base: 10_000)
    let both = Tensor.stack([angles.sin(), angles.cos()], axis: 2).reshaped([angles.shape[0], -1])
    return both[.all, ..<max(width, 0)].to(.float32)
  }
}

/// `p / base^(2i / width)` of positions and pairs of numbers, `[positions, ⌈width / 2⌉]` of float64.
private func positionAngles(_ positions: Int, _ width: Int, base: Double) -> Tensor {
  let exponents = Tensor.arange(max(width, 0) / 2 + max(width, 0) % 2).to(.float64) * (2 / Double(max(width, 1)))
  return Tensor.arange(positions).to(.float64).unsqueezed(1) / Tensor.full([1], base, .float64).pow(exponents)
}

/// Adds to each step of `[batch, steps, width]` a vector of its position that is learnt.
public final class LearnedPositions: Module {
  /// `[positions, width]`.
  public let weight: Parameter
  private let initializer: Initializer

  /// For so many positions at the most; more steps are a fault.
  public init(_ positions: Int, _ width: Int, weights: Initializer = .normal(standardDeviation: 1)) {
    weight = .parameter([positions, width])
    initializer = weights
    super.init()
    initialize(StandaloneKey.next())
  }

  public override func initialize(_ key: RandomKey) { initializer.fill(weight, key: key) }

  public override func forward(_ input: Tensor) -> Tensor { encode(input, from: 0) }

  /// The same for steps of which the first is at position `start`.
  public func encode(_ input: Tensor, from start: Int) -> Tensor {
    guard input.rank == 3, start >= 0, input.shape[1] <= weight.shape[0] - start else {
      let error = TensorError(
        "positions", "there are \(weight.shape[0]), too few for \(input.shape) [batch, steps, width] from \(start) on")
      return Tensor(fault: error, of: [input], input.shape)
    }
    return input + weight[start..<start + input.shape[1]]
  }
}

/// Turns queries and keys by angles that grow with their position, so that scores depend on how far they are apart:
/// `[batch, heads, steps, width]`, number i and number i + width / 2 of position p are turned by `p / base^(2i / width)`. Without
/// parameters. Source: Su et al. 2021, in the order of halves that LLaMA has.
public final class RotaryPositions: Module {
  /// Numbers of a step, even.
  public let width: Int
  /// The longest wavelength, over 2π.
  public let base: Double

  /// Of the positions that were asked for so far, `[positions, width / 2]` each.
  private var turns: (cosines: Tensor, sines: Tensor)?

  /// For heads of such a width.
  public init(_ width: Int, base: Double = 10_000) { (self.width, self.base) = (width, base) }

  public override func forward(_ input: Tensor) -> Tensor { turn(input, from: 0) }

  /// The same for steps of which the first is at position `start`.
  public func turn(_ input: Tensor, from start: Int) -> Tensor {
    guard input.rank == 4, input.shape[3] == width, width > 0, width % 2 == 0, start >= 0 else {
      let error = TensorError(
        "rotary positions", "needs [batch, heads, steps, \(width)] of an even width, not \(input.shape) from \(start)")
      return Tensor(fault: error, of: [input], input.shape)
    }
    let (half, places) = (width / 2, start..<start + input.shape[2])
    let known = turns(places.upperBound)
    let (cosines, sines) = (known.cosines[places].to(input.dtype), known.sines[places].to(input.dtype))
    let (first, second) = (input[.all, .all, .all, ..<half], input[.all, .all, .all, half...])
    return .concatenate([first * cosines - second * sines, second * cosines + first * sines], axis: 3)
  }

  private func turns(_ count: Int) -> (cosines: Tensor, sines: Tensor) {
    if let turns, turns.cosines.shape[0] >= count { return turns }
    let angles = positionAngles(2 * count, width, base: base)
    let made = (angles.cos(), angles.sin())
    turns = made
    return made
  }
}
