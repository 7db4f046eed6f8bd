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

/// Absolute errors, and how many of them are small.
struct AbsoluteErrors: Objective {
  let sums: [SumName] = [.loss, .weight, "small"]

  func loss(of outputs: Tensor, on batch: Batch) throws -> (sum: Tensor, totals: Totals) {
    let errors = (outputs - batch.targets).abs()
    let (loss, small) = (errors.sum(), (errors < 0.1).sum())
    return (loss, [.loss: try loss.item(), .weight: Double(batch.samples.count), "small": try small.item()])
  }

  func measures(of totals: Totals) -> [Measure] {
    [Measure("loss", totals.meanLoss), Measure("small", totals.mean(of: "small"))]
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
