import Kernels
import Lockstep
import Testing
import Zoo

@testable import TestSupport
@testable import Training

/// What a step of a model is counted by, and what was counted.
struct CountedModel: Sendable, CustomTestStringConvertible {
  let name: String
  /// Convolutions, matrix products and directions of attention that a step needs, and multiplications in all of them.
  let convolutions, products, attentions, multiplications: Int
  /// Kinds of work that must have taken time, and a layer that must be there.
  let works: [StepWork]
  let layer: String
  var change: @Sendable (inout Configuration) -> Void = { _ in }
  var testDescription: String { name }

  /// Trains some steps with random data.
  func trained(profiling: Bool = true, reproducible: Bool = false) throws -> (TimeProfile?, digest: String) {
    let entry = try Registry(Zoo.models).find(name)
    var configuration = entry.recipe
    change(&configuration)
    configuration.reproducible = reproducible
    let steps = StepProfiler.skippedSteps + 2
    configuration = configuration.spanningSchedule(stepsPerEpoch: steps)
    let (data, objective) = try entry.task.synthetic(for: entry, configuration)
    let trainer = try Trainer(drawing: entry.make(configuration.sizes), objective, configuration)
    if profiling { trainer.checks.profiler = StepProfiler(of: trainer.model) }
    let arranged = data.arranged(epoch: 0, batchSize: configuration.batchSize, seed: 0)
    let loader = trainer.loader(arranged, Sampler(of: arranged, batchSize: configuration.batchSize), epoch: 0)
    defer { loader.cancel() }
    // Two behind those that are left out.
    for _ in 0..<steps {
      guard let batch = try trainer.fetch(loader) else { break }
      try trainer.step(batch)
    }
    return (trainer.checks.profiler?.profile, try digest(trainer.model))
  }

  /// Batch 8; a convolution has 2 products of its size in the first layer and 3 in any other, as has a dense layer.
  static let lenet = CountedModel(
    name: "lenet", convolutions: 2 + 3, products: 3 * 3, attentions: 0,
    multiplications: 8
      * (2 * 28 * 28 * 6 * 25 + 3 * 10 * 10 * 16 * 6 * 25 + 3 * (400 * 120 + 120 * 84 + 84 * 10)),
    works: [.convolution, .product, .pooling, .activation, .packing, .loss, .gradients, .update], layer: "3 Conv2D"
  ) { $0.batchSize = 8 }

  static let mlp = CountedModel(
    name: "mlp", convolutions: 0, products: 2 + 3, attentions: 0,
    multiplications: 8 * (2 * 784 * 256 + 3 * 256 * 10), works: [.product, .loss, .update], layer: "1 Linear"
  ) { $0.batchSize = 8 }

  /// One-hot tokens need no product. Of `steps` steps' products forward and backward, and one for the weights' gradient, which
  /// is two where the text goes on from a state: of the state, and of the steps.
  static let lstm = CountedModel(
    name: "lstm", convolutions: 0, products: 2 * 35 + 2 + 3, attentions: 0,
    multiplications: 4 * 35 * 256 * (3 * 4 * 256 + 3 * 28), works: [.product, .gates, .loss], layer: "rnn Recurrent"
  ) { $0.batchSize = 4 }

  /// Two blocks of twelve matrices' worth, and the logits'; each step looks at itself and those before.
  static let gpt = CountedModel(
    name: "gpt", convolutions: 0, products: 3 * (2 * 4 + 1), attentions: 2 * 2,
    multiplications: 3 * (4 * 16 * (2 * 12 * 32 * 32 + 32 * 28) + 2 * 4 * (16 * 17 / 2) * 2 * 32),
    works: [.product, .attention, .normalization, .activation, .operators, .loss],
    layer: "transformer.h.1.attn GPTAttention"
  ) {
    $0.batchSize = 4
    ($0.sizes.layers, $0.sizes.heads, $0.sizes.width, $0.sizes.context, $0.sizes.dropout) = (2, 2, 32, 16, 0)
  }

  static let all = [lenet, mlp, lstm, gpt]
}

@Suite struct ProfileTests {
  @Test(arguments: CountedModel.all) func countsWhatAStepAsksForAndItsTime(_ model: CountedModel) throws {
    let profile = try #require(try model.trained().0)
    #expect(profile.steps == 2)
    var (convolutions, products, attentions) = (0.0, 0.0, 0.0)
    for (call, count) in profile.calls {
      switch call {
      case .convolution: convolutions += count
      case .product: products += count
      case .attention: attentions += count
      }
    }
    #expect(convolutions == Double(model.convolutions))
    #expect(products == Double(model.products))
    #expect(attentions == Double(model.attentions))
    #expect(profile.multiplications == Double(model.multiplications))
    #expect(abs(profile.parts.values.reduce(0, +) - profile.seconds) < 1e-9)
    for work in model.works { #expect(profile.parts[work, default: 0] > 0, "\(work) of \(profile.parts)") }
    // Nothing is counted twice.
    #expect(profile.parts.allSatisfy { $0.value >= -1e-6 })
    let layer = try #require(profile.layers.first { $0.name == model.layer }, "\(profile.layers.map(\.name))")
    #expect(layer.forwardSeconds > 0 && layer.backwardSeconds > 0)
    #expect(profile.layers.reduce(0) { $0 + $1.seconds } < profile.seconds)
  }

  @Test func watchesWithoutChangingBits() throws {
    for model in [CountedModel.lenet, .gpt] {
      #expect(try model.trained().digest == model.trained(profiling: false).digest, "\(model.name)")
    }
  }

  /// Gradients of virtual shards are added in a tree with their products; no product is lost to the count.
  @Test func countsTreesOfProducts() throws {
    let profile = try #require(try CountedModel.mlp.trained(reproducible: true).0)
    #expect(profile.multiplications == Double(CountedModel.mlp.multiplications))
  }

  @Test func bareKernelsTakeTime() throws {
    let profile = try #require(try CountedModel.gpt.trained().0)
    var kernels = BareKernels(KernelOptions())
    let seconds = try profile.bareSeconds(by: &kernels)
    for (layer, seconds) in zip(profile.layers, seconds) { #expect((seconds > 0) == !layer.calls.isEmpty) }
    var shape = ConvolutionShape(
      batch: 2, inChannels: 16, inHeight: 9, inWidth: 9, outChannels: 16, kernelHeight: 3, kernelWidth: 3,
      stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1)
    for pass in ConvolutionPass.allCases { #expect(try kernels.seconds(of: .convolution(shape, pass)) > 0) }
    // 256 times the work of such a size takes longer on any machine.
    let small = try kernels.seconds(of: .convolution(shape, .forward))
    shape.batch = 512
    #expect(try kernels.seconds(of: .convolution(shape, .forward)) > small)
  }

  /// The first convolution brings the batch to channels-last memory, and backward the second the dense layer's gradient.
  @Test func countsReorders() throws {
    let model = Sequential(Conv2D(3, 4, kernel: 3), Conv2D(4, 5, kernel: 3), Flatten(), Linear(5 * 16, 10))
    let profiler = StepProfiler(of: model)
    try profiler.watch {
      let output = model(.ones([4, 3, 8, 8]))
      try (output * output).sum().backward()
    }
    let layers = profiler.profile.layers
    #expect(layers.first { $0.name == "0 Conv2D" }?.reorders == 1)
    #expect(layers.first { $0.name == "1 Conv2D" }?.reorders == 1)
    #expect(layers.first { $0.name == "3 Linear" }?.reorders == 0)
  }
}
