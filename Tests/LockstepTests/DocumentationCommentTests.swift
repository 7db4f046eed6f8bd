import Lockstep
import Testing

@testable import TestSupport

struct Squares: Dataset {
  let count = 1000
  func batch(_ samples: [Int]) throws -> Batch {
    let x = Tensor(samples.map { [Float($0)] })
    return Batch(inputs: x, targets: x.pow(2), samples: samples)
  }
}

struct Averaging: Settings {
  @Setting("How much of the weights' average stays from step to step.", .within(0..<1)) var decay = 0.99
}

/// The code of documentation comments, and that it does what is said of it. Those of `Perceptron` and `AbsoluteErrors` are
/// the articles' too.
@Suite struct DocumentationCommentTests {
  @Test func squares() throws {
    #expect(try Squares().batch([2, 3]).targets.floats() == [4, 9])
    #expect(try Squares().batch([]).samples.isEmpty)
  }

  @Test func aSetting() throws {
    let named = NamedSetting.all(of: Averaging())
    #expect(named.map(\.option) == ["decay"])
    try named[0].setting.fill(from: "1", "decay")
    #expect(named[0].setting.fault()?.wanted == "in 0..<1")
  }

  private var wine: ModelEntry {
    ModelEntry("wine", .regression, inputShape: [11], recipe: .recipe(epochs: 20, learningRate: 0.01)) {
      Sequential(Linear($0.features, 32), ReLU(), Linear(32, 1))
    }
  }

  @Test func aModelsEntry() throws {
    #expect(wine.make(wine.sizes)(Tensor.zeros([2, 11])).shape == [2, 1])
    #expect(wine.recipe.model == "wine" && wine.recipe.epochs == 20)
  }

  @Test func aStepOfOnesOwn() throws {
    let (model, ranks) = (Sequential(Linear(3, 2)), Communicator.alone)
    let optimizer = SGD([ParameterGroup(model.namedParameters, learningRate: 0.1)])
    let (images, labels) = (Tensor.ones([4, 3]), Tensor([0, 1, 0, 0]))
    try ranks.share(model)
    let before = try crossEntropy(model(images), labels).item()
    try crossEntropy(model(images), labels).backward()
    try ranks.average(model, samples: labels.elementCount)
    try optimizer.step()
    #expect(try crossEntropy(model(images), labels).item() < before)
  }
}
