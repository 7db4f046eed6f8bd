import Kernels
import Lockstep
import Testing

@testable import TestSupport

/// Kernel options are a training's own, not the process's.
@Suite struct KernelOptionsTests {
  /// 3×3 kernels of 16 channels on 8×8 pixels: what Winograd and bf16 change the rounding of.
  private func network() -> Sequential {
    Sequential(
      Conv2D(1, 16, kernel: 3, padding: 1), ReLU(), Conv2D(16, 16, kernel: 3, padding: 1), ReLU(), Flatten(),
      Linear(16 * 64, 10))
  }

  private func trainer(_ options: KernelOptions) throws -> Trainer {
    var configuration = smallConfiguration(epochs: 1, batchSize: 12)
    (configuration.convolution, configuration.precision) = (options.convolution, options.precision)
    configuration.reproducible = options.threads == 1
    configuration.virtualShards = 3
    return try Trainer(drawing: network(), Classification(), configuration)
  }

  private static var all: [KernelOptions] {
    [
      KernelOptions(), KernelOptions(convolution: .direct), KernelOptions(precision: .bf16),
      KernelOptions(precision: .bf16, convolution: .direct), KernelOptions(threads: 1),
    ]
  }

  @Test func trainersThatTakeTurnsGiveWhatEachGivesAlone() throws {
    let data = ImageDataset(smallImages(48))
    func steps(_ trainers: [Trainer]) throws {
      let sampler = Sampler(sampleCount: 48, batchSize: 12, seed: 7)
      let loaders = trainers.map { $0.loader(data, sampler, epoch: 0) }
      defer { for loader in loaders { loader.cancel() } }
      for _ in 0..<sampler.batchCount {
        for (trainer, loader) in zip(trainers, loaders) { try trainer.step(#require(try trainer.fetch(loader))) }
      }
    }
    let alone = try Self.all.map { options in
      let trainer = try trainer(options)
      try steps([trainer])
      return try digest(trainer.model)
    }
    let together = try Self.all.map(trainer)
    try steps(together)
    #expect(try together.map { try digest($0.model) } == alone)
    #expect(alone[2] != alone[0] && alone[3] != alone[2])
    if OneDNN.hasWinograd { #expect(alone[1] != alone[0]) }
  }

  /// The derivatives are computed as the values were, wherever `backward()` is called.
  @Test(arguments: all) func backwardKeepsTheOptionsOfForward(_ options: KernelOptions) throws {
    let network = network()
    let batch = try ImageDataset(smallImages(12)).batch(Array(0..<12))
    func gradients(_ differentiate: (Tensor) throws -> Void) throws -> [[UInt32]] {
      for parameter in network.namedParameters { parameter.tensor.gradient = nil }
      try differentiate(options.run { crossEntropy(network(batch.inputs), batch.targets) })
      return try network.namedParameters.map { try bits(#require($0.tensor.gradient)) }
    }
    let inside = try gradients { loss in try options.run { try loss.backward() } }
    let outside = try gradients { loss in
      let others = KernelOptions(
        precision: options.precision == .float32 ? .bf16 : .float32,
        convolution: options.convolution == .direct ? .automatic : .direct)
      try others.run { try loss.backward() }
    }
    #expect(inside == outside)
  }

  @Test func whatCannotBeIsOneLine() {
    #expect(message { try KernelOptions(threads: 0).validate() } == "threads is 0, but must be in 1…4096")
    let half = KernelOptions(backend: .reference, precision: .bf16)
    #expect(message { try half.validate() } == "kernels is reference, which has float32 alone, not bf16")
  }
}
