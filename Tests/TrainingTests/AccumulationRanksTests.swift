import Lockstep
import Testing

@testable import TestSupport
@testable import Training

/// Gradients of several slices that are added before they travel. Runs on one process under `swift test` and on 1, 2, 3 and 4
/// ranks under `launch/test-ranks`.
@Suite(.serialized) struct AccumulationRanksTests {
  private static func configuration(_ slices: Int, batchSize: Int = 50) -> Configuration {
    var result = smallConfiguration(epochs: 1, batchSize: batchSize)
    result.accumulate = slices
    return result
  }

  /// The same step, and the same messages, whatever the number of slices; also where a rank has fewer samples than those.
  @Test(arguments: [2, 3, 60]) func aStepStaysOneStep(_ slices: Int) throws {
    let communicator = try Ranks.duplicate()
    func train(_ slices: Int) throws -> (Trainer, Int) {
      let trainer = try Trainer(
        drawing: smallNetwork(dropout: 0.2), Classification(), Self.configuration(slices), on: communicator)
      let before = communicator.collectiveCount
      try trainer.fit(ImageDataset(smallImages(103)))
      return (trainer, communicator.collectiveCount - before)
    }
    let (plain, usual) = try train(1)
    let (sliced, count) = try train(slices)
    #expect(sliced.position == plain.position)
    #expect(count == usual)
    try expectClose(sliced.model, plain.model)
    #expect(Set(try communicator.everyRanks(try digest(sliced.model))).count == 1)
  }

  /// Statistics are of all ranks, and asked for once: computing activations again changes neither bits nor messages.
  @Test func activationsAreComputedAgain() throws {
    let communicator = try Ranks.duplicate()
    func train(_ isFrugal: Bool) throws -> (String, Int) {
      var configuration = Self.configuration(2)
      configuration.checkpointActivations = isFrugal
      let model = Sequential(
        Sequential(Conv2D(1, 4, kernel: 3), BatchNorm2D(4), ReLU(), AvgPool2D(2), Dropout(0.2)),
        Sequential(Conv2D(4, 4, kernel: 2), BatchNorm2D(4), ReLU(), AvgPool2D(2)), Flatten(), Linear(4, 10))
      let trainer = try Trainer(drawing: model, Classification(), configuration, on: communicator)
      let before = communicator.collectiveCount
      try trainer.fit(ImageDataset(smallImages(103)))
      return (try digest(model), communicator.collectiveCount - before)
    }
    let (usual, frugal) = (try train(false), try train(true))
    #expect(usual == frugal)
  }

  /// Notes how many samples go through at once.
  private final class Gauge: Module {
    var most = 0
    let inner = smallNetwork()
    override func forward(_ input: Tensor) -> Tensor {
      most = max(most, input.shape[0])
      return inner(input)
    }
  }

  @Test func oneSliceIsInMemory() throws {
    let communicator = try Ranks.duplicate()
    let model = Gauge()
    let trainer = try Trainer(drawing: model, Classification(), Self.configuration(5), on: communicator)
    try trainer.fit(ImageDataset(smallImages(100)))
    let shard = (50 + communicator.size - 1) / communicator.size
    #expect(model.most <= (shard + 4) / 5 && model.most > 0)
  }

  /// Statistics are of the k-th slices of all ranks; the running ones are their mean, which of the means is the batch's own.
  @Test(arguments: [2, 3]) func statisticsAreOfASlice(_ slices: Int) throws {
    let communicator = try Ranks.duplicate()
    let model = Sequential(BatchNorm2D(1), Flatten(), Linear(64, 10))
    let split = smallImages(23)
    let configuration = Self.configuration(slices, batchSize: 23)
    let trainer = try Trainer(drawing: model, Classification(), configuration, on: communicator)
    let data = ImageDataset(split)
    let sampler = Sampler(sampleCount: 23, batchSize: 23, ordering: .inOrder)
    let batch = try #require(try trainer.fetch(trainer.loader(data, sampler, epoch: 0)))
    try trainer.step(batch)
    let rows = try data.batch(Array(0..<23)).inputs.floats()
    let shards = (0..<communicator.size).map {
      Sharding(rank: $0, rankCount: communicator.size, accumulation: slices, keepsEmpty: true).slices(of: 23)
    }
    var (means, variances) = (0.0, 0.0)
    for slice in 0..<slices {
      let samples = shards.flatMap { Array($0[slice]) }
      let values = samples.flatMap { rows[$0 * 64..<($0 + 1) * 64] }.map(Double.init)
      let mean = values.reduce(0, +) / Double(values.count)
      let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      means += mean * Double(values.count) / Double(23 * 64)
      variances += squares / Double(values.count - 1) * Double(values.count) / Double(23 * 64)
    }
    let state = Dictionary(uniqueKeysWithValues: model.state.map { ($0.name, $0.tensor) })
    let mean = try #require(state["0.running_mean"])
    let variance = try #require(state["0.running_var"])
    #expect(try abs(Double(mean.floats()[0]) - 0.1 * means) < 1e-6)
    #expect(try abs(Double(variance.floats()[0]) - (0.9 + 0.1 * variances)) < 1e-6)
    #expect(try state["0.num_batches_tracked"]?.floats() == [1])
  }
}
