import Lockstep
import Testing
import Zoo

@testable import Checkpoints
@testable import TestSupport
@testable import Training

/// What is a network's head: the same wherever one speaks of it.
@Suite struct HeadTests {
  private static let heads = [
    "nin": "7", "lenet": "11", "googlenet": "5", "vit": "head", "densenet": "12", "transformer": "decoder.dense",
    "seq2seq": "decoder.dense", "gru": "linear",
  ]

  /// What `--freeze head` freezes, `--replace-head` draws anew, and `head=0.5` gives a learning rate.
  @Test(arguments: heads.keys.sorted()) func oneNotion(_ name: String) throws {
    let entry = try #require(Zoo.model(name))
    let network = entry.make(entry.sizes)
    let wanted = Set(
      network.namedParameters.map(\.name).filter { NamePattern(Self.heads[name] ?? "").matches($0) })
    #expect(!wanted.isEmpty)
    let optimizer = try entry.recipe.with(["learning-rate": "head=0.5,*=0.25"]).makeOptimizer(for: network)
    let fast = optimizer.groups.filter { $0.learningRate == 0.5 }.flatMap(\.parameters).map(\.name)
    #expect(Set(fast) == wanted)

    let weights = StoredWeights(
      "whole",
      network.state.map { name, tensor in
        StoredWeights.Entry(name: name, shape: tensor.shape, type: "float32") { tensor }
      })
    let taken = try entry.recipe.with(["replace-head": "true"]).begin(network, with: weights)
    let drawn = wanted.intersection(network.state.map(\.name))
    #expect(taken.warning == nil && taken.lines.count == 3)
    #expect(drawn.allSatisfy { taken.lines.last?.contains($0) == true })

    var configuration = entry.recipe
    configuration.freeze = ["head"]
    _ = try configuration.freezeParameters(of: network)
    #expect(Set(network.namedParameters.filter { !$0.tensor.requiresGradient }.map(\.name)) == wanted)
  }
}
