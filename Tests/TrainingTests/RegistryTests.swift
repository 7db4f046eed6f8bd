import Lockstep
import Testing
import Zoo

@testable import TestSupport
@testable import Training

/// Models by their names, those of a user's own among them.
@Suite struct RegistryTests {
  private func entry(_ name: String, outputs: Int = 1) -> ModelEntry {
    ModelEntry(name, .regression, inputShape: [3]) { Sequential(Linear($0.features, outputs)) }
  }

  @Test func findsOrNamesTheNearest() throws {
    let registry = try Registry([entry("wine"), entry("beer")] + Zoo.models)
    #expect(try registry.find("wine").name == "wine")
    #expect(message { _ = try registry.find("wines") } == "There is no model 'wines'. Did you mean 'wine'?")
    #expect(message { _ = try registry.find("lenett") } == "There is no model 'lenett'. Did you mean 'lenet'?")
    #expect(registry["stout"] == nil)
  }

  @Test func whatIsNoRegistryIsOneLine() {
    #expect(message { _ = try Registry([]) } == "this tool has no models: its `models` are empty")
    #expect(
      message { _ = try Registry([entry("wine"), entry("beer"), entry("wine")]) }
        == "this tool has two models of the name 'wine'")
    #expect(
      message { _ = try Registry([entry("lenet")] + Zoo.models) } == "this tool has two models of the name 'lenet'")
  }

  /// What an entry does not say follows from its task and its input.
  @Test func anEntryKnowsItsSizesAndItsRecipe() {
    let entry = entry("wine")
    #expect(entry.sizes.features == 3)
    #expect((entry.recipe.model, entry.recipe.sizes.features, entry.recipe.epochs) == ("wine", 3, 10))
    #expect(entry.make(entry.sizes).parameterCount == 4)
  }

  /// `[n, 2]` against targets `[n, 1]` would be broadcast, and train to something.
  @Test func aWrongOutputIsRefusedBeforeTraining() throws {
    let data = TableDataset(try SyntheticLinearData(weights: [1, 2, 3], bias: 0, noise: 0).split(rows: 5))
    let (good, wrong) = (entry("wine"), entry("wine", outputs: 2))
    try good.task.check(good.make(good.sizes), "wine", data, good.sizes)
    #expect(
      message { try wrong.task.check(wrong.make(wrong.sizes), "wine", data, wrong.sizes) }
        == "wine gives [1, 2] for one sample, but regression needs [1, 1]")
  }
}
