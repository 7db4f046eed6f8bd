/// Scaled dot-product attention of several heads: each query's mean of the values by
/// `softmax(query · keys · scale + mask)` over the keys that it may see. Source: Vaswani et al. 2017.
public struct Attention: Sendable {
  /// Sequences, and heads of each.
  public let batch, heads: Int
  /// Steps that look, and steps that are looked at.
  public let queries, keys: Int
  /// Numbers of a query and a key, and of a value.
  public let width, valueWidth: Int
  /// What scores are multiplied with.
  public let scale: Float

  /// Of extents that are not negative.
  public init(batch: Int, heads: Int, queries: Int, keys: Int, width: Int, valueWidth: Int, scale: Float) {
    (self.batch, self.heads, self.queries, self.keys) = (batch, heads, queries, keys)
    (self.width, self.valueWidth, self.scale) = (width, valueWidth, scale)
  }

  /// Elements of what is kept of each query: the largest score, and the sum of the powers of e above it.
  public var statisticsCount: Int { 2 * batch * heads * queries }

  /// The steps of all heads as they lie in memory; the numbers of a step lie side by side.
  public struct Heads {
    /// The first element.
    public let data: Floats
    /// Elements from one sequence to the next, from one head to the next, and from one step to the next.
    public let sequenceStep, headStep, rowStep: Int

    /// Of memory that lives as long as the call.
    public init(_ data: Floats, sequenceStep: Int, headStep: Int, rowStep: Int) {
      (self.data, self.sequenceStep, self.headStep, self.rowStep) = (data, sequenceStep, headStep, rowStep)
    }
  }

  /// Which weights are left out of a sequence's means.
  public struct Draws: Sendable {
    /// What the random numbers are a function of, beside head, query and key.
    public let seed: UInt64, sample, time, purpose: UInt32
    /// The probability that a weight becomes 0; the others are divided by one less it.
    public let probability: Double

    /// By Philox's key and the last three words of its counter.
    public init(seed: UInt64, sample: UInt32, time: UInt32, purpose: UInt32, probability: Double) {
      (self.seed, self.sample, self.time, self.purpose) = (seed, sample, time, purpose)
      self.probability = probability
    }
  }

  /// What is looked at, and by whom.
  public struct Inputs {
    /// `[batch, heads, steps, width]` each, by steps of their own.
    public let queries, keys, values: Heads
    /// `[batch, queries]`: how many keys a query may see, from the first on; 0 for a result of 0.
    public let limits: UnsafePointer<Int32>
    /// `[batch, heads, queries, keys]`, added to the scores.
    public let mask: Heads?
    /// Of each sequence; empty for no dropout.
    public let draws: [Draws]

    /// Of memory that lives as long as the call.
    public init(
      queries: Heads, keys: Heads, values: Heads, limits: UnsafePointer<Int32>, mask: Heads?, draws: [Draws]
    ) {
      (self.queries, self.keys, self.values) = (queries, keys, values)
      (self.limits, self.mask, self.draws) = (limits, mask, draws)
    }
  }

  /// What came out, and what the gradient is read from and written to.
  public struct Outputs {
    /// `[batch, heads, queries, valueWidth]`.
    public let output: Heads
    /// `statisticsCount` elements.
    public let statistics: Floats

    /// Of memory that lives as long as the call.
    public init(output: Heads, statistics: Floats) { (self.output, self.statistics) = (output, statistics) }
  }

  /// Where the gradient is written to.
  public struct Derivatives {
    /// Of the inputs' shapes.
    public let queries, keys, values: Heads

    /// Of memory that is overwritten.
    public init(queries: Heads, keys: Heads, values: Heads) {
      (self.queries, self.keys, self.values) = (queries, keys, values)
    }
  }
}
