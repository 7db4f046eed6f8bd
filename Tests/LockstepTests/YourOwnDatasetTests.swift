import Foundation
import Lockstep
import Testing

@testable import TestSupport

/// Sample i is an angle, 2π i / count; its target is the sine.
struct Sines: Dataset {
  let count = 1000
  func batch(_ samples: [Int]) throws -> Batch {
    let angles = samples.map { [2 * Float.pi * Float($0) / Float(count)] }
    return Batch(inputs: Tensor(angles), targets: Tensor(angles.map { [sin($0[0])] }), samples: samples)
  }
}

/// Absolute errors; a small one is a hit.
struct AbsoluteErrors: Objective {
  func evaluate(_ model: Module, _ batch: Batch) throws -> (lossSum: Tensor, totals: Totals) {
    let errors = (model(batch.inputs) - batch.targets).abs()
    let (loss, small) = (errors.sum(), (errors < 0.1).sum())
    return (loss, Totals(loss: try loss.item(), hits: try small.item(), samples: Double(batch.samples.count)))
  }

  func measures(of totals: Totals) -> [Measure] {
    [Measure("loss", totals.meanLoss), Measure("small", totals.accuracy)]
  }
}

@Suite struct YourOwnDatasetTests {
  @Test func sines() throws {
    let network = Sequential(Linear(1, 64), Tanh(), Linear(64, 1))
    let trainer = try Trainer(
      network, AbsoluteErrors(),
      Configuration(model: "sines", epochs: 20, batchSize: 50, learningRate: 0.01, optimizer: .adam))
    try trainer.fit(Sines())
    print("sine of 1: \(try network(Tensor([[1.0]])).item())")
    #expect(abs(try network(Tensor([[1.0]])).item() - sin(1)) < 0.1)
  }
}
