import Kernels
import Lockstep
import Testing
import Zoo

@testable import TestSupport

/// Models, one step: what the native kernels, oneDNN's and the reference make of the same weights and samples. The networks of large
/// images are compared by the tests of commands, in a release build: the naive loops are slow in this one.
@Suite("Backends on whole models")
struct BackendTests {
  private static let large: Set = ["alexnet", "vgg11", "nin", "googlenet", "resnet18", "densenet", "vit"]
  private static let entries = Zoo.models.filter { !large.contains($0.name) }

  @Test("One step against the reference", arguments: entries.map(\.name)) func agree(name: String) throws {
    let entry = try #require(Self.entries.first { $0.name == name })
    var configuration = entry.recipe
    configuration.batchSize = 2
    let (dataset, objective) = try entry.task.synthetic(for: entry, configuration)
    let batch = try dataset.batch([0, 1])
    let wanted = try step(entry, batch, objective, KernelOptions(backend: .reference))
    for backend in [BackendName.native, .onednn] {
      let found = try step(entry, batch, objective, KernelOptions(backend: backend, convolution: .direct))
      expect(found, toBe: wanted, "\(name), \(backend)")
    }
  }

  private func expect(_ found: Step, toBe wanted: Step, _ place: String) {
    let isNear = abs(found.loss - wanted.loss) <= 1e-4 * max(1, abs(wanted.loss))
    #expect(isNear, "\(place): \(found.loss), \(wanted.loss)")
    #expect(found.gradients.count == wanted.gradients.count && !found.gradients.isEmpty)
    // What is zero in mathematics, such as a bias before batch normalisation, is noise on either side.
    let largest = wanted.gradients.flatMap { $0.values.map(abs) }.max() ?? 0
    for (mine, theirs) in zip(found.gradients, wanted.gradients) {
      let scale = max(theirs.values.map(abs).max() ?? 0, largest / 50)
      let off = zip(mine.values, theirs.values).map { abs($0 - $1) }.max() ?? 0
      #expect(off <= 5e-3 * scale, "\(place), \(mine.name): off by \(off) of \(scale)")
    }
  }

  private typealias Step = (loss: Double, gradients: [(name: String, values: [Float])])

  private func step(
    _ entry: ModelEntry, _ batch: Batch, _ objective: any Objective, _ options: KernelOptions
  ) throws -> Step {
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
