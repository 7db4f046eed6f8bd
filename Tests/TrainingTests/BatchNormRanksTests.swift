import Lockstep
import Testing

@testable import TestSupport
@testable import Training

/// Runs on one process under `swift test` and on 1, 2, 3 and 4 ranks under `launch/test-ranks`.
@Suite(.serialized) struct BatchNormRanksTests {
  private static func network() -> Module {
    Sequential(
      Conv2D(1, 4, kernel: 3), BatchNorm2D(4), ReLU(), MaxPool2D(2), Flatten(), Linear(36, 12), BatchNorm1D(12),
      Sigmoid(), Linear(12, 10))
  }

  /// Statistics are of the global batch: the ranks' together are those of one process, parameters and buffers included.
  /// Batches of 3 leave ranks without a sample, which take part all the same.
  @Test(arguments: [40, 13, 3]) func synchronised(_ batchSize: Int) throws {
    let communicator = try Ranks.duplicate()
    let configuration = smallConfiguration(epochs: 1, batchSize: batchSize, learningRate: 0.05)
    let data = ImageDataset(smallImages(120))
    let together = try Trainer(drawing: Self.network(), Classification(), configuration, on: communicator)
    try together.fit(data, test: data)
    let alone = try Trainer(drawing: Self.network(), Classification(), configuration)
    try alone.fit(data, test: data)
    try expectClose(together.model, alone.model)
    #expect(Set(try communicator.everyRanks(try digest(together.model))).count == 1)
  }

  /// In reproducible mode statistics are of each virtual shard, and running ones agree to the bit.
  @Test(arguments: [1, 3, 8]) func reproducible(_ virtualShards: Int) throws {
    let communicator = try Ranks.duplicate()
    var configuration = smallConfiguration(epochs: 2, batchSize: 50)
    (configuration.reproducible, configuration.virtualShards) = (true, virtualShards)
    let data = ImageDataset(smallImages(102))
    let together = try Trainer(drawing: Self.network(), Classification(), configuration, on: communicator)
    try together.fit(data)
    let alone = try Trainer(drawing: Self.network(), Classification(), configuration)
    try alone.fit(data)
    #expect(try digest(together.model) == digest(alone.model))
  }
}
