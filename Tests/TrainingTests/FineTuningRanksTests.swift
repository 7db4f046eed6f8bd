import Foundation
import Lockstep
import Testing

@testable import Checkpoints
@testable import TestSupport

/// Trainings that begin with another's weights, some of which stay as they are.
@Suite(.serialized) struct FineTuningRanksTests {
  private static func configuration(_ freeze: NamePatterns = [], replaceHead: Bool = false) -> Configuration {
    var result = smallConfiguration(epochs: 1, learningRate: 0.05)
    (result.reproducible, result.virtualShards, result.momentum, result.weightDecay) = (true, 4, 0.9, 0.01)
    (result.freeze, result.replaceHead) = (freeze, replaceHead)
    return result
  }

  private static let data = ImageDataset(smallImages(50))

  /// A trained network's state, made once.
  private static let trained: Result<[(name: String, tensor: Tensor)], any Error> = Result {
    let trainer = try Trainer(drawing: normalizedNetwork(), Classification(), configuration())
    try trainer.fit(data)
    return trainer.model.state
  }

  private static func weights() throws -> StoredWeights {
    StoredWeights(
      "trained",
      try trained.get().map { name, tensor in
        StoredWeights.Entry(name: name, shape: tensor.shape, type: "float32") { tensor }
      })
  }

  /// With layers 0 to 2 frozen; what it came to, by name.
  private static func fineTune(on communicator: Communicator) throws -> [String: [UInt32]] {
    let configuration = configuration(["1", "2.*"], replaceHead: true)
    let network = normalizedNetwork()
    network.initializeAll(seed: 3)
    _ = try configuration.begin(network, with: weights())
    _ = try configuration.freezeParameters(of: network)
    let trainer = try Trainer(network, Classification(), configuration, on: communicator)
    try trainer.fit(data)
    #expect(Set(trainer.optimizer.slots["momentum"]?.keys.sorted() ?? []) == ["5.weight", "5.bias"])
    return Dictionary(uniqueKeysWithValues: try trainer.model.state.map { ($0.name, try bits($0.tensor)) })
  }

  @Test func frozenLayersStayAndAnyRanksComeToOneAnswer() throws {
    let alone = try Self.fineTune(on: .alone)
    for (name, tensor) in try Self.trained.get() {
      #expect((alone[name] == (try bits(tensor))) == !name.hasPrefix("5."), "\(name)")
    }
    for ranks in 2...3 {
      for found in try simulated(ranks, { try Self.fineTune(on: $0) }) { #expect(found == alone) }
    }
    #expect(try Self.fineTune(on: Ranks.duplicate()) == alone)
  }

  @Test func whatWasTakenIsListed() throws {
    let network = Sequential(Flatten(), Linear(64, 16), BatchNorm1D(16), ReLU(), Dropout(0.2), Linear(16, 5))
    let replaced = try Self.configuration(replaceHead: true).begin(network, with: Self.weights())
    #expect(
      replaced.lines == [
        "from trained: taken 1.weight, 1.bias, 2.weight, 2.bias, 2.running_mean, 2.running_var, 2.num_batches_tracked",
        "left in the file: 5.weight [10, 16], 5.bias [10]", "drawn anew: 5.weight [5, 16], 5.bias [5]",
      ])
    #expect(replaced.warning == nil)
    // Not asked for: the same, with a warning.
    let other = try Self.configuration().begin(network, with: Self.weights())
    #expect(other.warning == "trained does not have, in that shape, 5.weight [5, 16], 5.bias [5]: drawn anew")
  }

  @Test func patternsThatMeanNothing() throws {
    let network = normalizedNetwork()
    let idle = #expect(throws: ConfigurationError.self) {
      try Self.configuration(["features.*"]).freezeParameters(of: network)
    }
    #expect(
      idle?.description
        == "freeze 'features.*' means no parameter of small, which has 1.weight, 1.bias, 2.weight, 2.bias, 5.weight, 5.bias"
    )
    let all = #expect(throws: ConfigurationError.self) { try Self.configuration(["*"]).freezeParameters(of: network) }
    #expect(all?.description == "freeze '*' leaves nothing to train of small")
    #expect(
      try Self.configuration(["head"]).freezeParameters(of: normalizedNetwork())
        == "frozen: 5.weight, 5.bias; 1072 of 1242 parameters are trained")
  }

  /// As any setting: in the checkpoint's JSON, in the options, in what ranks compare.
  @Test func settings() throws {
    let configuration = try smallConfiguration().with([
      "freeze": "a.*,b", "replace-head": "true", "from": "w.safetensors",
    ])
    #expect(configuration.freeze == ["a.*", "b"] && configuration.replaceHead && configuration.from == "w.safetensors")
    #expect(try Configuration(json: configuration.json(), path: "") == configuration)
    #expect(try configuration.with(["freeze": "none"]).freeze == [])
    #expect(throws: ConfigurationError.self) { try configuration.with(["freeze": "a,,b"]) }
    let old = try Configuration(json: smallConfiguration().json(), path: "")
    #expect(old.freeze.isNone && old.from == nil && !old.replaceHead)
  }
}
