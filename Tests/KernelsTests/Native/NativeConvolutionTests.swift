import CVectors
import Testing

@testable import Kernels
@testable import TestSupport

/// Direct convolutions are what the naive loops say, bit for bit, on every instruction set and in any number of parts.
@Suite("Native convolutions against their definition")
struct NativeConvolutionTests {
  private static func shape(
    _ batch: Int, _ inChannels: Int, _ size: (Int, Int), _ outChannels: Int, _ kernel: (Int, Int),
    stride: [Int] = [1, 1], padding: [Int] = [0, 0], dilation: [Int] = [1, 1], groups: Int = 1
  ) -> ConvolutionShape {
    ConvolutionShape(
      batch: batch, inChannels: inChannels, inHeight: size.0, inWidth: size.1, outChannels: outChannels,
      kernelHeight: kernel.0, kernelWidth: kernel.1, stride: stride, padding: padding, dilation: dilation,
      groups: groups)
  }

  /// Multiplications of a pass.
  private static func work(_ shape: ConvolutionShape) -> Int {
    shape.output.elementCount(.channelsLast) * (shape.inChannels / shape.groups) * shape.kernelHeight
      * shape.kernelWidth
  }

  private static func randomShape(_ numbers: inout SeededNumbers) -> ConvolutionShape {
    let usual = [1, 3, 4, 8, 16, 17, 31, 32, 48, 64, 65, 80]
    while true {
      let groups = numbers.int(0...3) == 0 ? numbers.int(2...3) : 1
      func channels() -> Int {
        groups * (numbers.int(0...1) == 0 ? numbers.few(20) : usual[numbers.int(0...usual.count - 1)])
      }
      var shape = shape(
        numbers.few(5), channels(), (numbers.few(12), numbers.few(14)), channels(), (numbers.few(5), numbers.few(6)),
        groups: groups)
      for axis in 0..<2 {
        shape.stride[axis] = numbers.int(0...1) == 0 ? 1 : numbers.few(4)
        shape.padding[axis] = numbers.int(0...2) == 0 ? 0 : numbers.int(0...3)
        shape.dilation[axis] = numbers.int(0...3) == 0 ? numbers.few(3) : 1
      }
      // Now and then no output at all: the input's gradient is zeros.
      if work(shape) < 40_000, work(shape) > 0 || numbers.int(0...9) == 0 { return shape }
    }
  }

  private static func check(_ shape: ConvolutionShape, _ kind: Numbers, _ numbers: inout SeededNumbers) {
    let definition = ConvolutionDefinition(shape, kind, &numbers)
    let (hasBias, cuts) = (numbers.int(0...1) == 0, numbers.int(0...1) == 0)
    let forward = definition.forward(hasBias: hasBias, cuts: cuts)
    let (toInput, toWeights) = (definition.inputGradient(), definition.weightsGradient())
    for instructions in InstructionSet.available {
      let kernels = NativeConvolution(definition, instructions, parts: numbers.few(4))
      let what = "\(instructions), \(kernels.parts) parts, \(kind): \(shape)"
      expectSame(kernels.forward(hasBias: hasBias, cuts: cuts, &numbers), forward, "output, \(what)")
      expectSame(kernels.inputGradient(&numbers), toInput, "input's gradient, \(what)")
      expectSame(kernels.weightsGradient(&numbers), toWeights, "weights' gradient, \(what)")
    }
    #expect(definition.inputsAreIntact, "\(shape) writes around what it reads")
  }

  @Test("Random shapes, all three passes", arguments: Numbers.allCases, 0..<3)
  func randomShapes(kind: Numbers, seed: Int) {
    var numbers = SeededNumbers(UInt64(seed))
    for _ in 0..<20 { Self.check(Self.randomShape(&numbers), kind, &numbers) }
  }

  /// Where kernels take another way: many pixels (blocks of the weights' gradient), few channels (tiles that mix taps, borders),
  /// many (panels in pieces), one pixel, one tap; to few channels of many images (lanes that are images, and what is left of them).
  @Test(
    "Ways through the kernels",
    arguments: [
      shape(1, 2, (40, 30), 9, (3, 3), padding: [1, 1]), shape(5, 1, (18, 18), 6, (5, 5), padding: [2, 2]),
      shape(2, 3, (33, 34), 4, (3, 4), stride: [2, 2], padding: [1, 2]), shape(3, 9, (20, 9), 5, (1, 1)),
      shape(1, 256, (4, 3), 17, (4, 3), padding: [1, 1]), shape(1, 12, (5, 4), 130, (3, 3), padding: [1, 1]),
      shape(1, 1, (1, 1), 1, (1, 1)), shape(1, 70, (1, 1), 70, (3, 3), padding: [1, 1]),
      shape(2, 6, (9, 8), 6, (3, 3), padding: [1, 1], groups: 6), shape(1, 1, (3, 40), 20, (2, 11), padding: [0, 5]),
      shape(2, 4, (9, 9), 20, (3, 3), stride: [2, 3], padding: [2, 1], dilation: [2, 2], groups: 2),
      shape(17, 1, (7, 6), 6, (5, 5), padding: [2, 2]), shape(33, 2, (5, 7), 4, (3, 2), padding: [0, 1]),
      shape(70, 5, (4, 5), 5, (2, 3), stride: [2, 1], padding: [1, 2], dilation: [1, 2]),
      shape(40, 6, (5, 5), 12, (3, 3), stride: [1, 2]), shape(18, 4, (2, 64), 8, (1, 3)),
    ], Numbers.allCases)
  func ways(shape: ConvolutionShape, kind: Numbers) {
    var numbers = SeededNumbers(5)
    Self.check(shape, kind, &numbers)
  }

  /// Two products that leave less than the smallest number: the sum is -0, which a product with a border's zero would make +0.
  @Test("A sum that is -0 where taps meet the padding", arguments: [1, 20])
  func minusZero(outChannels: Int) {
    var numbers = SeededNumbers(9)
    let shape = Self.shape(1, 1, (2, 2), outChannels, (3, 3), padding: [1, 1])
    let definition = ConvolutionDefinition(shape, .usual, &numbers)
    for (pixel, value) in [Float(1), 0x1p-75, 1, -0x1.00001p-75].enumerated() {
      definition.input.pointer[pixel] = value
      for out in 0..<outChannels {
        definition.gradient.pointer[pixel * outChannels + out] = [0x1p-74, 1, 0x1p-74, 1][pixel]
      }
    }
    let wanted = definition.weightsGradient()
    #expect(wanted.pointer[5].bitPattern == Float(-0.0).bitPattern)
    for instructions in InstructionSet.available {
      let kernels = NativeConvolution(definition, instructions, parts: 1)
      expectSame(kernels.weightsGradient(&numbers), wanted, "\(instructions)")
    }
  }
}
