import Foundation
import Lockstep
import Testing
import Zoo

@testable import TestSupport
@testable import Training

/// Runs on one process under `swift test` and on 1, 2, 3 and 4 ranks under `launch/test-ranks`. Serialized, nested suites
/// included: collectives must be called in the same order on all ranks.
@Suite(.serialized) struct TrainingRanksTests {
  /// However many ranks there are, they train the model that a single process trains.
  @Suite struct OneAnswer {
    @Test(arguments: ["mlp", "lenet", "lenet-bn", "mlp-dropout", "softmax-regression"])
    func modelsOfTheBook(_ name: String) throws {
      let entry = try #require(Zoo.model(name))
      let configuration = Configuration(
        model: name, epochs: 1, batchSize: 64, learningRate: entry.recipe.learningRate, seed: 5,
        sliceSize: entry.recipe.sliceSize)
      try expectOneAnswer(configuration, smallImages(150, side: 28), test: smallImages(70, side: 28)) {
        entry.make(ModelSizes())
      }
    }

    /// 100 does not divide by 3, 303 not by 100.
    @Test(arguments: [Configuration.OptimizerName.sgd, .adam]) func nothingDividesAnything(
      _ optimizer: Configuration.OptimizerName
    ) throws {
      var configuration = smallConfiguration(epochs: 2, batchSize: 100, learningRate: 0.01)
      (configuration.optimizer, configuration.clipNorm, configuration.sliceSize) = (optimizer, 0.3, 7)
      try expectOneAnswer(configuration, smallImages(303), test: smallImages(101)) { smallNetwork(dropout: 0.2) }
    }

    /// Some ranks have nothing to do in some steps, or in all of them.
    @Test(arguments: [1, 2, 3, 256]) func fewerSamplesThanRanks(_ batchSize: Int) throws {
      try expectOneAnswer(smallConfiguration(batchSize: batchSize), smallImages(5), test: smallImages(2)) {
        smallNetwork()
      }
    }

    /// In reproducible mode the answer is the same to the bit.
    @Test(arguments: [1, 2, 5, 8]) func reproducible(_ virtualShards: Int) throws {
      var configuration = smallConfiguration(epochs: 2, batchSize: 30)
      (configuration.reproducible, configuration.virtualShards) = (true, virtualShards)
      configuration.optimizer = .adam
      try expectOneAnswer(configuration, smallImages(101), test: smallImages(33)) { smallNetwork(dropout: 0.2) }
    }

    private func expectOneAnswer(
      _ configuration: Configuration, _ train: ImageSplit, test: ImageSplit, _ make: () -> Module
    ) throws {
      let communicator = try Ranks.duplicate()
      let (together, alone) = (EpochRecorder(), EpochRecorder())
      let trainer = try Trainer(drawing: make(), Classification(), configuration, on: communicator)
      trainer.observers = [together]
      try trainer.fit(ImageDataset(train), test: ImageDataset(test))
      // The replicas are the same to the bit, all ranks were told the same figures, and one trains alone for all.
      let figures = "\(together.all.map(\.train)) \(together.all.map(\.test))"
      let state = "\(try digest(trainer.model)) \(trainer.position) \(figures)"
      #expect(Set(try communicator.everyRanks(state)).count == 1)
      guard communicator.isRoot else { return }
      let reference = try Trainer(drawing: make(), Classification(), configuration)
      reference.observers = [alone]
      try reference.fit(ImageDataset(train), test: ImageDataset(test))

      #expect(trainer.position == reference.position)
      #expect(together.all.count == configuration.epochs)
      for (found, wanted) in zip(together.all, alone.all) {
        #expect((found.epoch, found.step) == (wanted.epoch, wanted.step))
        #expect(found.train.weight == Double(train.count))
        #expect(found.test?.weight == Double(test.count))
        #expect(abs(found.train.meanLoss / wanted.train.meanLoss - 1) < 1e-4)
        #expect(try abs(#require(found.test).meanLoss / #require(wanted.test).meanLoss - 1) < 1e-4)
      }
      try expectClose(trainer.model, reference.model)
      if configuration.reproducible {
        #expect(try digest(trainer.model) == digest(reference.model))
        #expect(together.all.map(\.train) == alone.all.map(\.train))
      }
    }

    @Test func resumingOnAsManyRanksIsBitForBit() throws {
      let communicator = try Ranks.duplicate()
      let (path, owner) = try Ranks.sharedFolder(communicator)
      let data = ImageDataset(smallImages(100))
      var configuration = smallConfiguration(epochs: 3)
      configuration.momentum = 0.9
      func trainer(_ configuration: Configuration) throws -> Trainer {
        try Trainer(drawing: smallNetwork(dropout: 0.3), Classification(), configuration, on: communicator)
      }
      let whole = try trainer(configuration)
      try whole.fit(data)
      for stop in [3, 7, 10] {
        let folder = CheckpointFolder("\(path)/\(stop)")
        if communicator.isRoot { try folder.prepare() }
        configuration.steps = stop
        try trainer(configuration).fit(data, saving: CheckpointPlan(folder))
        configuration.steps = nil
        let resumed = try trainer(configuration)
        try resumed.resume(from: CheckpointFolder.load(folder.path).checkpoint)
        try resumed.fit(data)
        #expect(try digest(resumed.model) == digest(whole.model), "stopped after step \(stop)")
      }
      try communicator.barrier()
      _ = owner
    }
  }

  /// Outputs come back in the order of the data, whoever computed them.
  @Suite struct Predictions {
    @Test(arguments: [0, 1, 5, 1024, 1100]) func areInOrder(_ count: Int) throws {
      let communicator = try Ranks.duplicate()
      let split = smallImages(count, side: 2)
      let model = Sequential(Flatten(), Linear(4, 3))
      model.initializeAll(seed: 1)
      let sharding = Sharding(rank: communicator.rank, rankCount: communicator.size, sliceSize: 100)
      let found = try Evaluator(model, Classification(), sharding, communicator).predict(ImageDataset(split))
      #expect((found != nil) == communicator.isRoot)
      guard let found, count > 0 else { return }
      let wanted = try model(ImageDataset(split).batch(Array(0..<count)).inputs).floats()
      #expect(found.width == 3)
      try #require(found.values.count == wanted.count)
      #expect(zip(found.values, wanted).allSatisfy { abs($0 - $1) < 1e-5 })
    }
  }
}
