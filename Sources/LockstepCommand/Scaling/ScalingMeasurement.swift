import Lockstep

/// Learns what a training's steps are made of, on the ranks that are there, all at once: whatever they share, they share as in
/// training.
struct ScalingMeasurement {
  let entry: ModelEntry
  let configuration: Configuration
  let communicator: Communicator
  /// Of steps with the shard that a rank has now.
  let seconds: Double

  struct Result {
    let profiles: StepProfiles
    /// Of the shard that a rank has now.
    let present: StepProfile
    let sums: MeasuredSums?
    let meeting: Double
    let overlap: Overlap
    /// What `weightPerSample` counts.
    let unit: String
    let weightPerSample: Double
    /// Seconds of a step of the training itself, where it was asked for.
    let measured: Double?
  }

  /// Samples of a rank's shard, the largest.
  private var shard: Int { (configuration.batchSize - 1) / communicator.size + 1 }

  /// - Parameter verifies: whether the training itself is measured as well, as soon as what it is made of is.
  func run(verifies: Bool = false) throws -> Result {
    let probe = NetworkProbe(communicator: communicator, seconds: seconds / 15)
    let meeting = communicator.size > 1 ? try probe.meeting() : 0
    let steps = try RehearsedSteps(entry, configuration, communicator)
    try steps.warmUp()
    var sums = communicator.size > 1 ? try probe.sums(upTo: steps.sumBytes.max() ?? 0) : nil
    let times = try steps.measure(within: seconds, sums, meeting: meeting)
    if let plain = sums {
      let single = steps.sumBytes.reduce(0) { $0 + plain.seconds(Double($1)) }
      if single > 0 && times.carrying > 0 { sums?.rhythm = min(max(times.carrying / single, 0.05), 20) }
    }
    let measured = verifies ? try stepSeconds() : nil
    let others = try otherShards.map { samples in
      var configuration = configuration
      configuration.batchSize = samples * communicator.size
      let steps = try RehearsedSteps(entry, configuration, communicator)
      try steps.warmUp()
      return try steps.measure(within: seconds / 5, nil, meeting: meeting).profile
    }
    return Result(
      profiles: StepProfiles(others + [times.profile]), present: times.profile, sums: sums, meeting: meeting,
      overlap: times.overlap, unit: steps.training.trainer.objective.unit,
      weightPerSample: steps.training.weightPerSample, measured: measured)
  }

  /// From one sample to the whole batch, in strides of four.
  private var otherShards: [Int] {
    var sizes: Set<Int> = [1]
    var size = configuration.batchSize
    while size > 1 {
      sizes.insert(size)
      size = (size + 3) / 4
    }
    return sizes.filter { $0 != shard }.sorted()
  }

  /// What a step of the training itself takes.
  private func stepSeconds() throws -> Double {
    let training = try EndlessTraining(entry, configuration, communicator)
    func step() throws -> Double {
      let start = monotonicSeconds()
      try training.step()
      return monotonicSeconds() - start
    }
    for _ in 0..<3 { _ = try step() }
    let count = try communicator.repetitions(within: seconds, of: step(), 8...1000)
    return try communicator.means([(0..<count).map { _ in try step() }.trimmedMean])[0]
  }
}
