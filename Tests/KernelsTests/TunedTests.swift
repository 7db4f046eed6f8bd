import Testing

@testable import Kernels
@testable import TestSupport

/// Kernels that plans name compute, and no others.
@Suite("Kernels by plans")
struct TunedTests {
  private static let shape = shape(batch: 3)

  private static func shape(batch: Int, groups: Int = 1, padding: Int = 1) -> ConvolutionShape {
    ConvolutionShape(
      batch: batch, inChannels: 16, inHeight: 8, inWidth: 8, outChannels: 16, kernelHeight: 3, kernelWidth: 3,
      stride: [1, 1], padding: [padding, padding], dilation: [1, 1], groups: groups)
  }

  private static let kinds: [KernelProblem.Kind] = [.forward, .inputGradient, .weightsGradient]

  /// The bits of a convolution's three passes and of a product.
  private static func results(of kernels: any Backend) throws -> [[UInt32]] {
    var numbers = SeededNumbers(11)
    let (input, weights) = (numbers.floats(3 * 16 * 64), numbers.floats(16 * 16 * 9))
    let gradient = numbers.floats(input.count)
    let (output, toInput) = (numbers.space(input.count), numbers.space(input.count))
    let (toWeights, product) = (numbers.space(weights.count), numbers.space(70 * 80))
    try kernels.convolve(
      shape, input: input.pointer, weights: Weights(weights.pointer), bias: nil, output: output.pointer, thenReLU: true)
    try kernels.convolutionInputGradient(
      shape, outputGradient: gradient.pointer, weights: Weights(weights.pointer), inputGradient: toInput.pointer)
    try kernels.convolutionWeightsGradient(
      shape, input: input.pointer, outputGradient: gradient.pointer, weightsGradient: toWeights.pointer,
      biasGradient: nil)
    let (left, right) = (numbers.floats(70 * 90), numbers.floats(90 * 80))
    try kernels.multiply(
      rows: 70, columns: 80, inner: 90, MatrixOperand(left.pointer, isTransposed: false, rowStride: 90),
      MatrixOperand(right.pointer, isTransposed: true, rowStride: 90), into: product.pointer, accumulating: false)
    return [output, toInput, toWeights, product].map { $0.values.map(\.bitPattern) }
  }

  private static func tuned(_ plans: KernelPlans?) -> any Backend {
    var options = KernelOptions(backend: .tuned)
    options.plans = plans
    return options.kernels
  }

  /// Plans that were made with other batches count as well.
  @Test("What a plan names computes", arguments: [KernelChoice.native, .winograd, .onednn])
  func named(_ choice: KernelChoice) throws {
    let convolutions = Self.kinds.map {
      KernelPlan(KernelProblem($0, Self.shape(batch: 64), .automatic), batch: 64, choice)
    }
    let found = try Self.results(of: Self.tuned(KernelPlans(convolutions)))
    let wanted = try Self.results(of: choice.backend(KernelOptions()))
    #expect(Array(found.prefix(3)) == Array(wanted.prefix(3)))
    #expect(try found[3] == Self.results(of: Native())[3])
  }

  @Test("Without a plan kernels are the native ones, and it is known what was asked for")
  func unknown() throws {
    let plans = KernelPlans([])
    let wanted = try Self.results(of: Native())
    #expect(try Self.results(of: Self.tuned(plans)) == wanted)
    #expect(try Self.results(of: Self.tuned(nil)) == wanted)
    #expect(Set(plans.unknown.map(\.problem.kind)) == [.forward, .inputGradient, .weightsGradient, .product])
    #expect(plans.unknown.filter { $0.problem.kind != .product }.allSatisfy { $0.batch == 3 })
    let product = try #require(plans.unknown.first { $0.problem.kind == .product }?.problem)
    #expect(product.extents == [96, 96, 96, 0, 1])
    let all = KernelPlans(plans.unknown.map { KernelPlan($0.problem, batch: $0.batch, .onednn) })
    #expect(try Self.results(of: Self.tuned(all)) == Self.results(of: OneDNN()))
    #expect(all.unknown.isEmpty)
  }

  @Test("Winograd is tried where there is such a kernel, and the rule's choice comes first")
  func candidates() {
    func candidates(_ shape: ConvolutionShape, _ method: ConvolutionMethod = .automatic) -> [KernelChoice] {
      KernelTrial(KernelProblem(.forward, shape, method), batch: 2, KernelOptions(backend: .tuned)).candidates
    }
    #expect(candidates(Self.shape) == [.winograd, .native, .onednn])
    #expect(candidates(Self.shape, .direct) == [.native, .onednn])
    #expect(candidates(Self.shape(batch: 1, groups: 2)) == [.native, .onednn])
    #expect(candidates(Self.shape(batch: 1, padding: 3)) == [.native, .onednn])
  }

  @Test("The fastest of a problem's kernels is one of them")
  func fastest() {
    for kind in Self.kinds {
      for shape in [Self.shape, Self.shape(batch: 1, groups: 2), Self.shape(batch: 2, padding: 3)] {
        let problem = KernelProblem(kind, shape, .automatic)
        let trial = KernelTrial(problem, batch: problem.trialBatch(of: shape.batch), KernelOptions(backend: .tuned))
        #expect(trial.candidates.contains(trial.fastest()), "\(kind) of \(shape)")
      }
    }
  }

  @Test("So many images as tell the kernels apart")
  func trialBatches() {
    let problem = KernelProblem(.forward, Self.shape, .automatic)
    #expect([1, 2, 3, 7, 200, 100_000].map(problem.trialBatch) == [1, 2, 2, 4, 128, 256])
    #expect([1, 2, 3, 4, 5, 7, 85, 86, 97, 1024].map(KernelProblem.rounded) == [1, 2, 3, 4, 6, 8, 96, 96, 128, 1024])
  }
}
