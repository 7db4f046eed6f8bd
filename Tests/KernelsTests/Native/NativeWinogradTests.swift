import Testing

@testable import Kernels
@testable import TestSupport

/// Winograd's convolutions are what their definition says, bit for bit, on every instruction set and in any number of parts.
@Suite("Native Winograd against its definition")
struct NativeWinogradTests {
  private static func shape(
    _ batch: Int, _ inChannels: Int, _ height: Int, _ width: Int, _ outChannels: Int, _ padding: [Int], taps: Int = 3
  ) -> ConvolutionShape {
    ConvolutionShape(
      batch: batch, inChannels: inChannels, inHeight: height, inWidth: width, outChannels: outChannels,
      kernelHeight: taps, kernelWidth: taps, stride: [1, 1], padding: padding, dilation: [1, 1], groups: 1)
  }

  private static func check(_ shape: ConvolutionShape, _ kind: Numbers, _ numbers: inout SeededNumbers) {
    let convolution = ConvolutionDefinition(shape, kind, &numbers)
    let definition = WinogradDefinition(convolution)
    let (hasBias, cuts) = (numbers.int(0...1) == 0, numbers.int(0...1) == 0)
    let forward = definition.pass(isGradient: false, hasBias: hasBias, cuts: cuts)
    let toInput = definition.pass(isGradient: true, hasBias: false, cuts: false)
    let toWeights = definition.weightsGradient()
    for instructions in InstructionSet.available {
      let kernels = NativeConvolution(convolution, instructions, parts: numbers.few(4))
      let what = "\(instructions), \(kernels.parts) parts, \(kind): \(shape)"
      let output = kernels.transformedPass(isGradient: false, hasBias: hasBias, cuts: cuts, &numbers)
      expectSame(output, forward, "output, \(what)")
      let back = kernels.transformedPass(isGradient: true, hasBias: false, cuts: false, &numbers)
      expectSame(back, toInput, "input's gradient, \(what)")
      expectSame(kernels.transformedWeightsGradient(&numbers), toWeights, "weights' gradient, \(what)")
    }
    #expect(convolution.inputsAreIntact, "\(shape) writes around what it reads")
  }

  @Test("Random shapes, all three passes", arguments: Numbers.allCases, 0..<3)
  func randomShapes(kind: Numbers, seed: Int) {
    var numbers = SeededNumbers(UInt64(seed))
    for taps in [3, 5] {
      for _ in 0..<4 {
        let shape = Self.shape(
          numbers.few(2), numbers.few(20), numbers.few(10), numbers.few(10), numbers.few(20),
          [numbers.int(0...taps - 1), numbers.int(0...taps - 1)], taps: taps)
        Self.check(shape, kind, &numbers)
      }
    }
  }

  /// Several panels on both sides, several blocks of tiles, chains of more than 384 tiles, one pixel, one channel, no output.
  @Test(
    "Ways through the kernels",
    arguments: [
      shape(1, 70, 4, 4, 3, [1, 1]), shape(1, 3, 4, 5, 100, [1, 1]), shape(1, 1, 1, 1, 1, [1, 1]),
      shape(1, 1, 41, 45, 2, [1, 1]), shape(140, 2, 9, 13, 1, [0, 0]), shape(2, 4, 2, 2, 3, [0, 0]),
      shape(1, 70, 2, 2, 3, [2, 2], taps: 5), shape(1, 3, 3, 4, 100, [2, 2], taps: 5),
      shape(1, 1, 1, 1, 1, [2, 2], taps: 5), shape(1, 1, 23, 25, 2, [2, 2], taps: 5),
      shape(14, 2, 15, 13, 1, [0, 4], taps: 5), shape(2, 4, 4, 4, 3, [0, 0], taps: 5),
    ])
  func ways(shape: ConvolutionShape) {
    var numbers = SeededNumbers(6)
    Self.check(shape, .usual, &numbers)
  }

  /// What decides is the shape alone, and the backend takes what it says.
  @Test("The backend's convolutions are one or the other", arguments: InstructionSet.available, [3, 5])
  func choice(instructions: InstructionSet, taps: Int) throws {
    var numbers = SeededNumbers(7)
    let enough = taps == 3 ? 7 : 8
    for (channels, size) in [(16, enough), (15, enough), (16, 5), (17, 8)] {
      let shape = Self.shape(1, channels, size, size, 16, [taps / 2, taps / 2], taps: taps)
      let convolution = ConvolutionDefinition(shape, .usual, &numbers)
      let winograd = WinogradDefinition(convolution)
      for method in ConvolutionMethod.allCases {
        let native = Native(KernelOptions(convolution: method), instructions)
        let isWinograd = native.usesWinograd(shape)
        #expect(isWinograd == (method == .automatic && channels >= 16 && size >= enough))
        let what = "\(instructions), \(method): \(shape)"
        let (output, toInput) = (numbers.space(convolution.gradient.count), numbers.space(convolution.input.count))
        let toWeights = numbers.space(convolution.weights.count)
        let weights = Weights(convolution.weights.pointer)
        try native.convolve(
          shape, input: convolution.input.pointer, weights: weights, bias: convolution.bias.pointer,
          output: output.pointer, thenReLU: true)
        try native.convolutionInputGradient(
          shape, outputGradient: convolution.gradient.pointer, weights: weights, inputGradient: toInput.pointer)
        try native.convolutionWeightsGradient(
          shape, input: convolution.input.pointer, outputGradient: convolution.gradient.pointer,
          weightsGradient: toWeights.pointer, biasGradient: nil)
        expectSame(
          output,
          isWinograd
            ? winograd.pass(isGradient: false, hasBias: true, cuts: true)
            : convolution.forward(hasBias: true, cuts: true), "output, \(what)")
        expectSame(
          toInput,
          isWinograd
            ? winograd.pass(isGradient: true, hasBias: false, cuts: false) : convolution.inputGradient(),
          "input's gradient, \(what)")
        expectSame(
          toWeights, isWinograd ? winograd.weightsGradient() : convolution.weightsGradient(),
          "weights' gradient, \(what)")
      }
    }
  }
}
