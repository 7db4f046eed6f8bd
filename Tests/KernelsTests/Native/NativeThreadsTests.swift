import Testing

@testable import Kernels
@testable import TestSupport

/// Work is shared out by outputs: any number of threads gives the same bits. Sizes are above what several threads are woken for.
@Suite("Native kernels on threads")
struct NativeThreadsTests {
  /// What `body` gives on one thread and on several.
  private func check(_ what: String, _ body: (Native) throws -> [GuardedBuffer]) throws {
    for instructions in InstructionSet.available {
      let native = Native(KernelOptions(), instructions)
      let wanted = try KernelOptions(threads: 1).run { try body(native) }
      for threads in [2, 3, 5] {
        let found = try KernelOptions(threads: threads).run { try body(native) }
        for (mine, theirs) in zip(found, wanted) {
          expectSame(mine, theirs, "\(what), \(instructions), \(threads) threads")
        }
      }
    }
  }

  @Test("Products, by rows and by columns", arguments: [(201, 40, 70), (10, 401, 140)], [false, true])
  func products(extents: (rows: Int, columns: Int, inner: Int), isTransposed: Bool) throws {
    let (rows, columns, inner) = extents
    try #require(rows * columns * inner >= 500_000)
    var numbers = SeededNumbers(1)
    let (left, right) = (numbers.floats(rows * inner), numbers.floats(inner * columns))
    let start = numbers.floats(rows * columns)
    try check("[\(rows), \(inner)] · [\(inner), \(columns)]") { native in
      let result = GuardedBuffer(start.values)
      try native.multiply(
        rows: rows, columns: columns, inner: inner, .init(left.pointer, isTransposed: false, rowStride: inner),
        .init(right.pointer, isTransposed: isTransposed, rowStride: isTransposed ? inner : columns),
        into: result.pointer,
        accumulating: true)
      return [result]
    }
  }

  @Test("Convolutions, direct and Winograd's", arguments: [(3, 5, 17, 24), (1, 16, 16, 15), (2, 1, 20, 40)])
  func convolutions(batch: Int, inChannels: Int, outChannels: Int, size: Int) throws {
    try #require(batch * size * size * inChannels * outChannels * 9 >= 500_000)
    var numbers = SeededNumbers(2)
    let shape = ConvolutionShape(
      batch: batch, inChannels: inChannels, inHeight: size, inWidth: size, outChannels: outChannels, kernelHeight: 3,
      kernelWidth: 3, stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1)
    let made = ConvolutionDefinition(shape, .usual, &numbers)
    try check("\(shape)") { native in
      let (output, toInput) = (GuardedBuffer(made.gradient.count), GuardedBuffer(made.input.count))
      let (toWeights, toBias) = (GuardedBuffer(made.weights.count), GuardedBuffer(outChannels))
      let weights = Weights(made.weights.pointer)
      try native.convolve(
        shape, input: made.input.pointer, weights: weights, bias: made.bias.pointer, output: output.pointer,
        thenReLU: false)
      try native.convolutionInputGradient(
        shape, outputGradient: made.gradient.pointer, weights: weights, inputGradient: toInput.pointer)
      try native.convolutionWeightsGradient(
        shape, input: made.input.pointer, outputGradient: made.gradient.pointer, weightsGradient: toWeights.pointer,
        biasGradient: toBias.pointer)
      return [output, toInput, toWeights, toBias]
    }
  }

  @Test("Pooling", arguments: Pooling.allCases)
  func pooling(_ pooling: Pooling) throws {
    var numbers = SeededNumbers(3)
    let shape = PoolingShape(
      batch: 3, channels: 20, inHeight: 35, inWidth: 31, kernel: [3, 2], stride: [2, 2], padding: [1, 1])
    let input = numbers.floats(shape.input.elementCount(.channelsLast))
    let gradient = numbers.floats(shape.output.elementCount(.channelsLast))
    try #require(8 * input.count >= 500_000)
    try check("\(pooling)") { native in
      let (output, toInput) = (GuardedBuffer(gradient.count), GuardedBuffer(input.count))
      let workspace = UnsafeMutableRawPointer.allocate(
        byteCount: max(try native.poolingWorkspaceByteCount(pooling, shape), 64), alignment: 64)
      defer { workspace.deallocate() }
      try native.pool(pooling, shape, input: input.pointer, output: output.pointer, workspace: workspace)
      try native.poolingGradient(
        pooling, shape, outputGradient: gradient.pointer, inputGradient: toInput.pointer, workspace: workspace)
      return [output, toInput]
    }
  }

  @Test("Activations", arguments: Activation.allCases)
  func activations(_ activation: Activation) throws {
    var numbers = SeededNumbers(4)
    let input = numbers.floats(100_003, in: -9...9)
    try check("\(activation)") { native in
      let result = GuardedBuffer(input.count)
      try native.apply(activation, input.pointer, into: result.pointer, count: input.count)
      return [result]
    }
  }
}
