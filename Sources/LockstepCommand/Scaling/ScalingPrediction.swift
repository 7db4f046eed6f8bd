/// What a training would do on other numbers of ranks.
struct ScalingPrediction: Sendable {
  /// Which part of a batch a rank has where there are more of them.
  enum Kind: String, Sendable {
    /// The batch stays, and each rank's shard shrinks.
    case strong
    /// Each rank's shard stays, and the batch grows.
    case weak
  }

  struct Row: Sendable {
    let ranks: Int
    /// Samples of a step over all ranks.
    let batch: Int
    let step: StepSimulation
    /// In the objective's unit.
    let perSecond: Double
    /// Against as many ranks that each do what one alone does.
    let efficiency: Double
  }

  let profiles: StepProfiles
  var network: NetworkModel
  var overlap = Overlap()
  var compression = Compression.none
  /// Samples of the batch that stays.
  let batchSize: Int
  /// Samples of the shard that stays.
  let shard: Int
  /// Examples, or tokens, of a sample.
  var weightPerSample = 1.0

  func row(_ kind: Kind, ranks: Int) -> Row {
    let (step, batch) = (simulation(kind, ranks), batch(kind, ranks))
    func rate(_ step: StepSimulation, _ batch: Int) -> Double {
      weightPerSample * Double(batch) / max(step.seconds, 1e-12)
    }
    let (found, alone) = (rate(step, batch), rate(simulation(kind, 1), self.batch(kind, 1)))
    return Row(
      ranks: ranks, batch: batch, step: step, perSecond: found, efficiency: found / (alone * Double(ranks)))
  }

  private func batch(_ kind: Kind, _ ranks: Int) -> Int {
    switch kind {
    case .strong: batchSize
    case .weak: shard * ranks
    }
  }

  private func simulation(_ kind: Kind, _ ranks: Int) -> StepSimulation {
    // The largest shard: who has fewer samples, or none, waits.
    let samples = kind == .weak ? shard : (batchSize - 1) / ranks + 1
    return StepSimulation(profiles.of(samples: samples), ranks: ranks, network, overlap, compression: compression)
  }

  /// The fewest hosts, of at most so many ranks, on which so many samples are seen within a time, each step of the same batch; and
  /// the fastest of all.
  func hosts(forSamples samples: Double, within seconds: Double, mostRanks: Int)
    -> (fewest: (hosts: Int, seconds: Double)?, fastest: (hosts: Int, seconds: Double))
  {
    var fastest = (hosts: 1, seconds: Double.infinity)
    let perHost = network.ranksPerHost
    for hosts in 1...max(1, mostRanks / perHost) {
      let step = simulation(.strong, hosts * perHost).seconds
      let time = samples / Double(batchSize) * step
      if time <= seconds { return ((hosts, time), fastest.seconds < time ? fastest : (hosts, time)) }
      if time < fastest.seconds { fastest = (hosts, time) }
    }
    return (nil, fastest)
  }
}
