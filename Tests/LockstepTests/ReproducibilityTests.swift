import Lockstep
import Synchronization
import Testing

@testable import TestSupport

@Suite struct ReproducibilityTests {
  private func make() -> Configuration {
    var configuration = Configuration(model: "perceptron", epochs: 1, batchSize: 64, learningRate: 0.1, seed: 7)
    configuration.reproducible = true
    configuration.virtualShards = 8
    return configuration
  }

  @Test func anyNumberOfRanks() throws {
    let (data, configuration) = (ImageDataset(smallImages(200, side: 28)), make())
    /// The digest of what a job of so many ranks, which are threads here, has trained.
    @Sendable func digest(ranks: Int) throws -> String {
      let answer = Mutex("")
      try SimulatedJob.run(ranks: ranks) { communicator in
        let trainer = try Trainer(Perceptron(), Classification(), configuration, on: communicator)
        try trainer.fit(data)
        if communicator.isRoot { answer.withLock { $0 = (try? Checkpoint.digest(trainer.model.state)) ?? "none" } }
      }
      return answer.withLock { $0 }
    }
    print(try digest(ranks: 1) == digest(ranks: 3))  // true
    #expect(try digest(ranks: 1) == digest(ranks: 3))
  }

  @Test func randomNumbersAreFunctions() throws {
    let key = RandomKey(seed: 1, sample: 42)
    print(try Tensor.normal([3], key: key).floats() == Tensor.normal([3], key: key).floats())  // true
    #expect(try Tensor.normal([3], key: key).floats() == Tensor.normal([3], key: key).floats())
  }
}
