import Kernels
import Testing

@testable import TestSupport

@Suite("Convolution against the reference")
struct ConvolutionTests {
  /// Any small convolution that has an output.
  private static func randomShape(_ numbers: inout SeededNumbers) -> ConvolutionShape {
    while true {
      let groups = numbers.int(0...3) == 0 ? numbers.int(2...3) : 1
      let isWide = numbers.int(0...5) == 0
      let shape = ConvolutionShape(
        batch: numbers.int(1...3), inChannels: groups * (isWide ? 16 : numbers.int(1...7)),
        inHeight: numbers.int(1...10), inWidth: numbers.int(1...10),
        outChannels: groups * (isWide ? 16 : numbers.int(1...9)), kernelHeight: numbers.int(1...5),
        kernelWidth: numbers.int(1...5), stride: numbers.pair(1...3), padding: numbers.pair(0...3),
        dilation: numbers.int(0...2) == 0 ? numbers.pair(1...3) : [1, 1], groups: groups)
      if shape.outHeight > 0 && shape.outWidth > 0 { return shape }
    }
  }

  private static let layouts: [(ImageLayout, ImageLayout)] = [
    (.channelsLast, .channelsLast), (.blocked, .blocked), (.channelsLast, .blocked), (.blocked, .channelsLast),
  ]

  private static func check(
    _ shape: ConvolutionShape, hasBias: Bool, tolerance: Float = 1e-5, _ numbers: inout SeededNumbers
  ) throws {
    let input = numbers.images(shape.input, shape.inLayout)
    let weights = numbers.floats(
      shape.outChannels * (shape.inChannels / shape.groups) * shape.kernelHeight * shape.kernelWidth)
    let bias = hasBias ? numbers.floats(shape.outChannels) : nil
    let gradient = numbers.images(shape.output, shape.outLayout)

    func passes(_ kernels: any Backend) throws -> [(name: String, result: GuardedBuffer)] {
      let (output, cut) = (GuardedBuffer(gradient.count), GuardedBuffer(gradient.count))
      for (result, thenReLU) in [(output, false), (cut, true)] {
        try kernels.convolve(
          shape, input: input.pointer, weights: Weights(weights.pointer), bias: bias?.pointer, output: result.pointer,
          thenReLU: thenReLU)
      }
      let toInput = GuardedBuffer(input.count)
      try kernels.convolutionInputGradient(
        shape, outputGradient: gradient.pointer, weights: Weights(weights.pointer), inputGradient: toInput.pointer)
      let (toWeights, toBias) = (GuardedBuffer(weights.count), GuardedBuffer(hasBias ? shape.outChannels : 0))
      try kernels.convolutionWeightsGradient(
        shape, input: input.pointer, outputGradient: gradient.pointer, weightsGradient: toWeights.pointer,
        biasGradient: hasBias ? toBias.pointer : nil)
      return [
        ("output", output), ("output with ReLU", cut), ("input's gradient", toInput), ("weights' gradient", toWeights),
        ("bias' gradient", toBias),
      ]
    }

    let wanted = try passes(Reference())
    for backend in BackendName.fast {
      for (found, wanted) in zip(try passes(backend.kernels), wanted) {
        expectNear(found.result, wanted.result, tolerance: tolerance, "\(backend): \(found.name) of \(shape)")
      }
    }
    let inputsAreIntact = [input, weights, gradient].allSatisfy { $0.guardsAreIntact }
    #expect(inputsAreIntact, "\(shape) writes around what it reads")
  }

  @Test("Random shapes, all three passes", arguments: 0..<8)
  func randomShapes(seed: Int) throws {
    var numbers = SeededNumbers(UInt64(seed))
    for _ in 0..<40 {
      var shape = Self.randomShape(&numbers)
      (shape.inLayout, shape.outLayout) = Self.layouts[numbers.int(0...3)]
      try Self.check(shape, hasBias: numbers.int(0...3) > 0, &numbers)
    }
  }

  /// oneDNN 2.6 once mixed up cached one-channel convolutions and wrote behind the weights' gradient.
  @Test("One channel in, one out, over many sizes", arguments: [1, 3, 5])
  func oneChannel(kernel: Int) throws {
    var numbers = SeededNumbers(100)
    for (size, batch) in [(kernel, 1), (8, 2), (28, 1), (9, 3), (28, 4)] {
      for (inChannels, outChannels) in [(1, 6), (1, 1), (6, 1), (1, 16)] {
        let shape = ConvolutionShape(
          batch: batch, inChannels: inChannels, inHeight: size, inWidth: size, outChannels: outChannels,
          kernelHeight: kernel, kernelWidth: kernel, stride: [1, 1], padding: [kernel / 2, kernel / 2],
          dilation: [1, 1], groups: 1)
        try Self.check(shape, hasBias: true, tolerance: 1e-4, &numbers)
      }
    }
  }

  /// oneDNN 3.7 took the wrong rows for the second line of such an output.
  @Test("One channel in, one column out, in wide strides", arguments: 1...9)
  func oneColumn(kernelWidth: Int) throws {
    var numbers = SeededNumbers(UInt64(kernelWidth))
    for kernelHeight in 1...4 {
      for outChannels in [1, 3, 16, 20] {
        let shape = ConvolutionShape(
          batch: 2, inChannels: 1, inHeight: 7, inWidth: kernelWidth + 1, outChannels: outChannels,
          kernelHeight: kernelHeight, kernelWidth: kernelWidth, stride: [1, numbers.int(2...7)], padding: [1, 0],
          dilation: [1, 1], groups: 1)
        try Self.check(shape, hasBias: true, &numbers)
      }
    }
  }

  /// oneDNN 3.7 crashed at a window of which no part was in the image.
  @Test("Windows that see nothing but padding", arguments: 1...4)
  func windowsInThePadding(seed: Int) throws {
    var numbers = SeededNumbers(UInt64(seed))
    for _ in 0..<25 {
      var shape = Self.randomShape(&numbers)
      shape.padding = [
        (shape.kernelHeight - 1) * shape.dilation[0] + numbers.int(0...2),
        (shape.kernelWidth - 1) * shape.dilation[1] + numbers.int(1...2),
      ]
      (shape.inLayout, shape.outLayout) = Self.layouts[numbers.int(0...3)]
      try Self.check(shape, hasBias: true, &numbers)
    }
  }

  @Test("LeNet's layers at their true size")
  func lenet() throws {
    var numbers = SeededNumbers(7)
    for (channels, size, out, padding) in [(1, 28, 6, 2), (6, 14, 16, 0)] {
      let shape = ConvolutionShape(
        batch: 5, inChannels: channels, inHeight: size, inWidth: size, outChannels: out, kernelHeight: 5,
        kernelWidth: 5, stride: [1, 1], padding: [padding, padding], dilation: [1, 1], groups: 1)
      try Self.check(shape, hasBias: true, tolerance: 1e-4, &numbers)
    }
  }

  /// Fewer channels than a vector has lanes: columns are folded into channels where they divide.
  @Test("Few output channels", arguments: 1...8)
  func fewChannels(outChannels: Int) throws {
    var numbers = SeededNumbers(UInt64(outChannels))
    for (kernel, width, padding) in [(3, 8, 1), (5, 12, 2), (3, 9, 0), (4, 11, 0), (5, 16, 0)] {
      let shape = ConvolutionShape(
        batch: 2, inChannels: numbers.int(1...3), inHeight: 9, inWidth: width, outChannels: outChannels,
        kernelHeight: 3, kernelWidth: kernel, stride: [1, 1], padding: [1, padding], dilation: [1, 1], groups: 1)
      try Self.check(shape, hasBias: numbers.int(0...1) == 0, &numbers)
    }
  }

  /// Large enough for Winograd, and small enough for blocks of channels. Winograd's transforms round more.
  @Test("Channels in sixteens", arguments: [(16, 32), (32, 16), (64, 64)])
  func blocks(channels: (Int, Int)) throws {
    var numbers = SeededNumbers(31)
    for (size, stride) in [(3, 1), (6, 1), (12, 1), (13, 1), (6, 2)] {
      var shape = ConvolutionShape(
        batch: 2, inChannels: channels.0, inHeight: size, inWidth: size + 1, outChannels: channels.1,
        kernelHeight: 3, kernelWidth: 3, stride: [stride, stride], padding: [1, 1], dilation: [1, 1], groups: 1)
      for layouts in Self.layouts {
        (shape.inLayout, shape.outLayout) = layouts
        try Self.check(shape, hasBias: true, tolerance: 1e-3, &numbers)
      }
    }
  }

  /// oneDNN's own scratch memory belongs to one thread, and kernels are kept for all of them.
  @Test("The same convolutions on many threads at once")
  func manyThreads() async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          var numbers = SeededNumbers(21)
          for _ in 0..<10 { try Self.check(Self.randomShape(&numbers), hasBias: true, &numbers) }
        }
      }
      try await group.waitForAll()
    }
  }
}
