import Lockstep
import Testing

@testable import TestSupport
@testable import Training

/// Parameters with learning rates and weight decays of their own.
@Suite struct ParameterGroupsTests {
  private func rates(_ texts: [String: String], _ model: Module = smallNetwork()) throws -> [String: [Double]] {
    let optimizer = try smallConfiguration().with(texts).makeOptimizer(for: model)
    return optimizer.groups.reduce(into: [:]) { result, group in
      for entry in group.parameters { result[entry.name] = [group.learningRate, group.weightDecay] }
    }
  }

  @Test func theFirstPatternCounts() throws {
    #expect(
      try rates(["learning-rate": "*.bias=0.5,head=0.25,*=0.125", "weight-decay": "1=0.01"]) == [
        "1.weight": [0.125, 0.01], "1.bias": [0.5, 0.01], "4.weight": [0.25, 0], "4.bias": [0.5, 0],
      ])
    // Without * the others keep what they had.
    #expect(try rates(["learning-rate": "4.weight=3"])["1.weight"] == [0.1, 0])
    #expect(
      try rates(["weight-decay": "0.1", "weight-decay-on": "matrices"]) == [
        "1.weight": [0.1, 0.1], "1.bias": [0.1, 0], "4.weight": [0.1, 0.1], "4.bias": [0.1, 0],
      ])
    // One group where all are alike: the order of parameters, and so of the memory's names, is the model's.
    #expect(try smallConfiguration().makeOptimizer(for: smallNetwork()).groups.count == 1)
  }

  @Test func aPatternThatMatchesNothingIsNamed() throws {
    for option in ["learning-rate", "weight-decay"] {
      let error = #expect(throws: ConfigurationError.self) { try rates([option: "tail=1,*=0.1"]) }
      #expect(
        error?.description
          == "\(option) has the pattern tail, which matches no parameter: there are 1.weight, 1.bias, 4.weight, 4.bias")
    }
    for text in ["", "=1", "a=", "a=b", "a", "*=1,b=2", "a=1,,b=2", "a=1=2"] {
      #expect(PerParameter(text: text) == nil, "\(text)")
    }
  }

  @Test func survivesTextAndJSON() throws {
    let text = "head=0.01,*.bias=0.0,*=0.5"
    let configuration = try smallConfiguration().with(["learning-rate": text])
    #expect(configuration.optimization.learningRate.text == text && configuration.learningRate == 0.5)
    #expect(try configuration.json().contains("\"learningRate\":\"\(text)\""))
    #expect(try Configuration(json: configuration.json(), path: "x") == configuration)
    #expect(try smallConfiguration().json().contains("\"learningRate\":0.1,"))
    #expect(try configuration.scaled(by: 2).optimization.learningRate.text == "head=0.02,*.bias=0.0,*=1.0")
    let broken = try smallConfiguration().json().replacing("\"learningRate\":0.1", with: "\"learningRate\":\"fast\"")
    #expect(throws: ConfigurationError.self) { try Configuration(json: broken, path: "x") }
  }

  /// A rate of 0 freezes; a schedule scales all rates alike.
  @Test func eachIsTrainedByItsOwn() throws {
    let configuration = try smallConfiguration().with([
      "learning-rate": "1=0,*=0.1", "schedule": "step", "schedule-steps": "3", "schedule-factor": "0.5",
    ])
    let trainer = try Trainer(drawing: smallNetwork(), Classification(), configuration)
    let before = try trainer.model.namedParameters.map { try bits($0.tensor) }
    try trainer.fit(ImageDataset(smallImages(60)))
    let after = try trainer.model.namedParameters.map { try bits($0.tensor) }
    #expect(zip(before, after).map { $0 == $1 } == [true, true, false, false])
    #expect(trainer.optimizer.groups.map(\.initialLearningRate) == [0, 0.1])
    #expect(trainer.optimizer.groups.map(\.learningRate) == [0, 0.1 * 0.25])
  }

  /// Embeddings, vectors and the last layer are not for Muon's own steps.
  @Test func whatIsOrthogonal() throws {
    final class Words: Module {
      let embedding = Embedding(5, 4), hidden = Linear(4, 4), norm = BatchNorm1D(4), output = Linear(4, 5)
    }
    let configuration = try smallConfiguration().choosing(.muon).with(["weight-decay": "0.1"])
    #expect(configuration.momentum == 0.95 && configuration.nesterov)
    let optimizer = try configuration.makeOptimizer(for: Words())
    #expect(
      optimizer.groups.filter(\.isOrthogonal).flatMap { $0.parameters.map(\.name) } == ["hidden.weight"])
    #expect(optimizer.groups.count == 2)
  }

  /// What one optimizer was given says nothing of another.
  @Test func choosingAnother() throws {
    var configuration = smallConfiguration()
    (configuration.optimizer, configuration.beta2) = (.adam, 0.5)
    #expect(configuration.choosing(.adam) == configuration)
    let other = configuration.choosing(.rmsprop)
    try other.validate()
    #expect(other.optimizer == .rmsprop && other.beta2 == 0.999)
  }
}
