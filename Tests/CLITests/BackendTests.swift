import Kernels
import Lockstep
import Testing
import Zoo

@testable import CLI
@testable import TestSupport

/// Every model, one step: what the reference kernels and oneDNN's make of the same weights and samples.
@Suite("Backends on whole models")
struct BackendTests {
  /// Sides of images where a network takes smaller ones than the book's.
  private static let sides = ["nin": 64, "googlenet": 32, "resnet18": 32]

  @Test("One step, reference against oneDNN", arguments: Zoo.models.map(\.name))
  func agree(name: String) throws {
    let entry = try #require(Zoo.model(name))
    let (batch, objective) = try batch(entry)
    let found = try step(entry, batch, objective, KernelOptions(convolution: .direct))
    let wanted = try step(entry, batch, objective, KernelOptions(backend: .reference))
    #expect(abs(found.loss - wanted.loss) <= 1e-4 * max(1, abs(wanted.loss)), "\(name): \(found.loss), \(wanted.loss)")
    #expect(found.gradients.count == wanted.gradients.count && !found.gradients.isEmpty)
    // What is zero in mathematics, such as a bias before batch normalisation, is noise on either side.
    let largest = wanted.gradients.flatMap { $0.values.map(abs) }.max() ?? 0
    for (mine, theirs) in zip(found.gradients, wanted.gradients) {
      let scale = max(theirs.values.map(abs).max() ?? 0, largest / 50)
      let off = zip(mine.values, theirs.values).map { abs($0 - $1) }.max() ?? 0
      #expect(off <= 5e-3 * scale, "\(name), \(mine.name): off by \(off) of \(scale)")
    }
  }

  /// One large image, or a few small samples.
  private func batch(_ entry: ZooModel) throws -> (Batch, any Objective) {
    var configuration = entry.configuration
    configuration.batchSize = 2
    let (dataset, objective) = try entry.synthetic(configuration)
    guard entry.task == .classification else { return (try dataset.batch([0, 1]), objective) }
    let side = Self.sides[entry.name] ?? entry.inputShape[1]
    let count = side > 100 ? 1 : 2
    let images = Tensor.normal([count, entry.inputShape[0], side, side], key: RandomKey(seed: 1))
    return (
      Batch(inputs: images, targets: Tensor([Int64](0..<Int64(count))), samples: Array(0..<count)), objective
    )
  }

  private func step(
    _ entry: ZooModel, _ batch: Batch, _ objective: any Objective, _ options: KernelOptions
  ) throws -> (loss: Double, gradients: [(name: String, values: [Float])]) {
    let model = entry.make(entry.sizes)
    model.initializeAll(seed: 3)
    let loss = try options.run {
      try ForwardScope.run(seed: 3, time: 0, samples: batch.samples) {
        try objective.loss(of: objective.outputs(of: model, on: batch), on: batch).sum
      }
    }
    try loss.backward()
    let gradients = try model.namedParameters.map { (name: $0.name, values: try $0.tensor.gradient?.floats() ?? []) }
    return (try loss.item(), gradients)
  }
}
