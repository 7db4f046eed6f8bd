import Lockstep

/// Training steps on data from nowhere, as many as are wanted.
final class EndlessTraining {
  let trainer: Trainer
  /// Of a sample, in the objective's unit.
  let weightPerSample: Double
  private let data: any Dataset
  private let sampler: Sampler
  private let sharding: Sharding
  private var loader: Loader?
  private var epoch = 0

  /// - Parameters:
  ///   - rehearsal: carries the small messages alone.
  ///   - communicator: the ranks, among which each batch is dealt out.
  init(_ entry: ModelEntry, _ configuration: Configuration, _ communicator: Communicator, _ rehearsal: Rehearsal? = nil)
    throws
  {
    let (dataset, objective) = try entry.task.synthetic(for: entry, configuration)
    let size = configuration.batchSize
    trainer = try Trainer(
      entry.make(entry.sizes), objective, configuration, on: rehearsal?.communicator ?? communicator)
    // Ranks whose gradients nobody adds up drift apart.
    if rehearsal != nil { trainer.checks.verificationInterval = .max }
    data = dataset.arranged(epoch: 0, batchSize: size, seed: 0)
    sampler = Sampler(of: data, batchSize: size)
    let own = trainer.strategy.sharding
    sharding = Sharding(
      rank: communicator.rank, rankCount: communicator.size, sliceSize: own.sliceSize,
      virtualShards: own.virtualShards, keepsEmpty: own.keepsEmpty)
    let samples = Array(0..<min(size, dataset.count))
    weightPerSample = Double(dataset.weight(of: samples)) / Double(max(samples.count, 1))
  }

  deinit { loader?.cancel() }

  func step() throws {
    while true {
      let loader = loader ?? Loader(data, sampler, epoch: epoch) { [sharding] in sharding.slices(of: $0) }
      self.loader = loader
      if let batch = try trainer.fetch(loader) {
        try trainer.step(batch)
        return
      }
      loader.cancel()
      self.loader = nil
      epoch += 1
    }
  }
}

extension [Double] {
  /// Of the middle eight tenths: a step in a hundred that something else held up says nothing of the others.
  var trimmedMean: Double {
    let left = count / 10
    let middle = sorted()[left..<Swift.max(count - left, left)]
    return middle.isEmpty ? 0 : middle.reduce(0, +) / Double(middle.count)
  }

  /// Of the same values.
  var trimmedDeviation: Double {
    let left = count / 10
    let middle = sorted()[left..<Swift.max(count - left, left)]
    let mean = trimmedMean
    let squares = middle.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return middle.isEmpty ? 0 : (squares / Double(middle.count)).squareRoot()
  }
}

extension Communicator {
  /// How often something is done that takes rank 0 so long, so that all ranks do it as often.
  func repetitions(within seconds: Double, of one: Double, _ range: ClosedRange<Int>) throws -> Int {
    let count = min(max(seconds / max(one, 1e-7), Double(range.lowerBound)), Double(range.upperBound))
    return min(max(Int(try broadcast([Int64(count)], from: 0)[0]), range.lowerBound), range.upperBound)
  }

  /// The mean over the ranks of each number.
  func means(_ own: [Double]) throws -> [Double] { try allReduce(own).map { $0 / Double(size) } }
}
