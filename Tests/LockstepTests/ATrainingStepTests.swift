import Lockstep
import Testing

@testable import TestSupport

@Suite struct ATrainingStepTests {
  @Test func stepByStep() throws {
    let (data, ranks) = (ImageDataset(smallImages(200, side: 28)), Communicator.alone)
    let configuration = Configuration(model: "perceptron", epochs: 1, batchSize: 64, learningRate: 0.1)
    let trainer = try Trainer(drawing: Perceptron(), Classification(), configuration, on: ranks)
    let sampler = Sampler(of: data, batchSize: configuration.batchSize, seed: configuration.seed)
    let loader = trainer.loader(data, sampler, epoch: 0)
    while let batch = try trainer.fetch(loader) { try trainer.step(batch) }
    #expect(trainer.position.step == 4)
    #expect(trainer.position.samplesSeen == 200)
  }

  @Test func aLoopOfOnesOwn() throws {
    let model = Sequential(Linear(2, 8), Tanh(), Linear(8, 1))
    let optimizer = SGD([ParameterGroup(model.namedParameters, learningRate: 0.1)], momentum: 0.9)
    let inputs = Tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    let targets = Tensor([[0.0], [1.0], [1.0], [0.0]])
    for _ in 0..<500 {
      let loss = meanSquaredError(model(inputs), targets)
      try loss.backward()
      try optimizer.step()
      optimizer.clearGradients()
    }
    print(try meanSquaredError(model(inputs), targets).item())
    #expect(try meanSquaredError(model(inputs), targets).item() < 0.05)
  }
}
