/// What a rank does in a step, apart from its sums' travelling.
struct StepProfile: Equatable, Sendable {
  /// Gradients that are added up together.
  struct Bucket: Equatable, Sendable {
    var bytes: Double
    /// Seconds of computing after which they are final.
    var ready: Double
    /// Whether nothing is computed until they are summed.
    var isBlocking = false
  }

  /// Of the rank's shard.
  var samples: Double
  var buckets: [Bucket]
  /// Seconds until the last gradient is final, without waiting.
  var computing: Double
  /// Seconds from the sums' end to the step's.
  var update: Double
  /// How often ranks tell each other a few numbers, the message at the step's end included.
  var meetings = 1
  /// Standard deviation of the computing time, from step to step and rank to rank.
  var spread = 0.0

  /// Between two profiles of one model.
  func mixed(with other: StepProfile, _ share: Double) -> StepProfile {
    func mix(_ one: Double, _ two: Double) -> Double { one + share * (two - one) }
    var result = share < 0.5 ? self : other
    result.samples = mix(samples, other.samples)
    result.computing = mix(computing, other.computing)
    result.update = mix(update, other.update)
    result.spread = mix(spread, other.spread)
    if buckets.count == other.buckets.count {
      for (place, pair) in zip(buckets, other.buckets).enumerated() {
        result.buckets[place].ready = mix(pair.0.ready, pair.1.ready)
      }
    }
    return result
  }
}

/// Profiles of shards of several sizes.
struct StepProfiles: Sendable {
  /// By growing number of samples, one at least.
  let measured: [StepProfile]

  init(_ measured: [StepProfile]) { self.measured = measured.sorted { $0.samples < $1.samples } }

  /// Of a shard of any size: straight between those measured, and on as the last two go.
  func of(samples: Int) -> StepProfile {
    let samples = Double(samples)
    let above = measured.firstIndex { $0.samples >= samples } ?? measured.count - 1
    guard above > 0, measured[above].samples > measured[above - 1].samples else { return measured[above] }
    let (low, high) = (measured[above - 1], measured[above])
    return low.mixed(with: high, (samples - low.samples) / (high.samples - low.samples))
  }
}

/// What computing and communicating cost one another.
struct Overlap: Equatable, Sendable {
  /// How fast sums go on while ranks compute, of how fast they do while all wait for them.
  var progress = 1.0
  /// Seconds of computing that each byte costs which a rank sends and receives meanwhile.
  var secondsPerByte = 0.0
  /// Share of the time that small messages wait for large ones.
  var queueing = 0.0

  /// How fast ranks compute while so many bytes a second are carried, of how fast they would else.
  func computing(at bytesPerSecond: Double) -> Double {
    max(0.1, 1 - queueing - secondsPerByte * bytesPerSecond)
  }
}
