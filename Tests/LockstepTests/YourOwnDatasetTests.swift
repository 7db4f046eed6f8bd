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

/// A million sines of random frequency, made when they are needed.
struct Waves: StreamingDataset {
  let layout = ChunkLayout(count: 1_000_000, columns: [32 * MemoryLayout<Float>.stride])
  func load(_ samples: Range<Int>, into chunk: ChunkBuffer) throws {
    for sample in samples {
      let frequency = RandomKey(seed: 1, sample: sample).uniform(0)
      let wave = chunk.row(of: sample, as: Float.self)
      for place in wave.indices { wave[place] = sin(frequency * Float(place)) }
    }
  }
  func batch(_ loaded: LoadedSamples, epoch: Int) throws -> Batch {
    let waves = loaded.tensor(shape: [32], as: Float.self)
    return Batch(inputs: waves, targets: waves, samples: loaded.samples)
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

  @Test func waves() throws {
    let waves = try Streamed(Waves(), StreamingOptions(memory: 64 << 20))
    let network = Sequential(Linear(32, 8), Tanh(), Linear(8, 32))
    let trainer = try Trainer(
      network, AbsoluteErrors(), Configuration(model: "waves", epochs: 1, steps: 20, batchSize: 100, learningRate: 0.01))
    try trainer.fit(waves)
    #expect(!waves.isResident && trainer.position.step == 20)
  }
}
