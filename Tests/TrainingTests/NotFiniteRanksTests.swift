import Lockstep
import Testing

@testable import TestSupport
@testable import Training

/// `--on-nan` on the ranks of the job: all skip the same steps, or stop with the same words.
@Suite(.serialized, .timeLimit(.minutes(10))) struct NotFiniteRanksTests {
  /// The root of 0 is finite, its derivative is not: a gradient that is NaN or infinite behind a loss that is neither.
  private final class Root: Module {
    let scale = Parameter.parameter([2])
    override func forward(_ input: Tensor) -> Tensor { (input * scale).sqrt().sum(1, keepingAxes: true) }
  }

  /// Ones, but for one sample whose numbers are 0.
  private struct Numbers: Dataset {
    let count = 16
    let zero: Int
    func batch(_ samples: [Int]) throws -> Batch {
      let rows = Tensor(samples.flatMap { [Float(1), $0 == zero ? 0 : 1] }, shape: [samples.count, 2])
      return Batch(inputs: rows, targets: .zeros([samples.count, 1]), samples: samples)
    }
  }

  @Test func skippedStepsGiveOneDigest() throws {
    let communicator = try Ranks.duplicate()
    func train(_ communicator: Communicator) throws -> (digest: String, skipped: Int) {
      let trainer = try Trainer(
        drawing: normalizedNetwork(), Classification(), poisonedConfiguration(), on: communicator)
      let data = PoisonedImages([3, 50])
      let loader = trainer.loader(data, Sampler(of: data, batchSize: 16, seed: 7), epoch: 0)
      var skipped = 0
      trainer.model.train()
      while let batch = try trainer.fetch(loader) { skipped += try trainer.step(batch).skipped == nil ? 0 : 1 }
      return (try digest(trainer.model), skipped)
    }
    let (found, wanted) = (try train(communicator), try train(.alone))
    #expect(found == wanted && (1...2).contains(found.skipped))
    #expect(Set(try communicator.everyRanks(found.digest)).count == 1)
  }

  @Test func ordinaryModeSkipsOnAllRanks() throws {
    let communicator = try Ranks.duplicate()
    var configuration = poisonedConfiguration()
    configuration.reproducible = false
    let trainer = try Trainer(drawing: normalizedNetwork(), Classification(), configuration, on: communicator)
    try trainer.fit(PoisonedImages([3, 50]))
    #expect(try trainer.model.state.allSatisfy { try $0.tensor.isFinite() })
    #expect(trainer.position.step == 14)
    #expect(Set(try communicator.everyRanks(digest(trainer.model))).count == 1)
  }

  @Test(arguments: [true, false], OnNan.allCases)
  func aGradientOfOneRankIsNamed(_ isReproducible: Bool, _ onNan: OnNan) throws {
    let communicator = try Ranks.duplicate()
    var configuration = Configuration(model: "root", epochs: 1, batchSize: 16, learningRate: 0.01, seed: 5)
    (configuration.reproducible, configuration.virtualShards, configuration.onNan) = (isReproducible, 8, onNan)
    let root = Root()
    root.scale.fill(1)
    let zero = 11
    let trainer = try Trainer(root, Regression(), configuration, on: communicator)
    if onNan == .skip {
      try trainer.fit(Numbers(zero: zero))
      #expect(try root.scale.floats() == [1, 1] && trainer.position.step == 1)
      return
    }
    let error = #expect(throws: NotFiniteError.self) { try trainer.fit(Numbers(zero: zero)) }
    let place = try #require(
      Sampler(sampleCount: 16, batchSize: 16, seed: 5).order(epoch: 0).samples.firstIndex(of: zero))
    let owner = try #require(
      (0..<communicator.size).first { rank in
        Sharding(rank: rank, rankCount: communicator.size, virtualShards: isReproducible ? 8 : nil).shard(of: 16)
          .contains(place)
      })
    #expect(error == NotFiniteError(place: .gradient("scale"), step: 1, epoch: 1, ranks: [owner]))
    #expect(try root.scale.floats() == [1, 1])
  }
}
