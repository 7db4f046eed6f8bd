import Testing

@testable import Kernels
@testable import TestSupport

/// What kernels make of weights is kept once it is used more often than in a training pass, and made again after a change.
@Suite("Kept forms of weights")
struct PackedWeightsTests {
  /// Calls `use` with weights that it may keep forms of, until it does, and again after a change; each time what it gives must be what it
  /// gives without.
  private func check(_ count: Int, _ use: (Native, _ weights: GuardedBuffer, PackedWeights?) throws -> GuardedBuffer)
    throws
  {
    var numbers = SeededNumbers(8)
    for instructions in InstructionSet.available {
      let (native, weights, packed) = (Native(KernelOptions(), instructions), numbers.floats(count), PackedWeights())
      let first = try use(native, weights, nil)
      for _ in 0..<3 { expectSame(try use(native, weights, packed), first, "kept by \(instructions)") }
      for index in 0..<count { weights.pointer[index] *= -2 }
      // Nobody has said so yet.
      expectSame(try use(native, weights, packed), first, "not known to \(instructions)")
      packed.expire()
      let second = try use(native, weights, nil)
      #expect(second.values != first.values)
      for _ in 0..<2 { expectSame(try use(native, weights, packed), second, "changed, by \(instructions)") }
      #expect(weights.guardsAreIntact)
    }
  }

  @Test("Factors of products", arguments: [false, true])
  func products(isTransposed: Bool) throws {
    var numbers = SeededNumbers(9)
    let left = numbers.floats(7 * 11)
    try check(11 * 50) { native, weights, packed in
      let result = GuardedBuffer(7 * 50)
      try native.multiply(
        rows: 7, columns: 50, inner: 11, MatrixOperand(left.pointer, isTransposed: false, rowStride: 11),
        MatrixOperand(weights.pointer, isTransposed: isTransposed, rowStride: isTransposed ? 11 : 50, packed: packed),
        into: result.pointer, accumulating: false)
      return result
    }
  }

  @Test(
    "Convolutions, direct and Winograd's, forward and back",
    arguments: [(4, false), (16, false), (4, true), (16, true)])
  func convolutions(channels: Int, isGradient: Bool) throws {
    var numbers = SeededNumbers(10)
    let shape = ConvolutionShape(
      batch: 1, inChannels: channels, inHeight: 7, inWidth: 8, outChannels: channels, kernelHeight: 3, kernelWidth: 3,
      stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1)
    let images = numbers.floats(channels * 56)
    try check(channels * channels * 9) { native, weights, packed in
      #expect(native.usesWinograd(shape) == (channels == 16))
      let (result, weights) = (GuardedBuffer(images.count), Weights(weights.pointer, packed: packed))
      if isGradient {
        try native.convolutionInputGradient(
          shape, outputGradient: images.pointer, weights: weights, inputGradient: result.pointer)
      } else {
        try native.convolve(
          shape, input: images.pointer, weights: weights, bias: nil, output: result.pointer, thenReLU: false)
      }
      return result
    }
  }

  @Test("One block of weights in several forms at once")
  func severalForms() throws {
    var numbers = SeededNumbers(11)
    let (weights, left, packed) = (numbers.floats(144), numbers.floats(24), PackedWeights())
    func product(_ inner: Int, _ offset: Int, _ isTransposed: Bool, _ packed: PackedWeights?) throws -> GuardedBuffer {
      let (columns, result) = (6, GuardedBuffer(12))
      let operand = MatrixOperand(
        weights.pointer + offset, isTransposed: isTransposed, rowStride: isTransposed ? inner : columns, packed: packed)
      try Native().multiply(
        rows: 2, columns: columns, inner: inner, MatrixOperand(left.pointer, isTransposed: false, rowStride: inner),
        operand, into: result.pointer, accumulating: false)
      return result
    }
    for _ in 0..<4 {
      for (inner, offset) in [(6, 0), (12, 0), (12, 36), (6, 36)] {
        for isTransposed in [false, true] {
          expectSame(
            try product(inner, offset, isTransposed, packed), try product(inner, offset, isTransposed, nil),
            "\(inner) rows from \(offset)")
        }
      }
    }
  }

  @Test("Nothing is kept of what a training pass uses, and what is used more often is made once a change from then on")
  func keeping() throws {
    let packed = PackedWeights()
    let form = PackedWeights.Form(instructions: .inUse, kind: .factor, extents: [1])
    var made = 0
    func use(times: Int) {
      for _ in 0..<times {
        packed.with(form, count: 1) {
          made += 1
          $0[0] = Float(made)
        } _: {
          #expect($0[0] == Float(made))
        }
      }
      packed.expire()
    }
    for passes in 1...3 {
      use(times: 2)
      #expect(made == 2 * passes)
    }
    use(times: 5)
    #expect(made == 9)
    use(times: 5)
    #expect(made == 10)
  }

  @Test("Recurrences", arguments: Recurrence.Cell.allCases)
  func recurrences(cell: Recurrence.Cell) throws {
    var numbers = SeededNumbers(12)
    let loop = Recurrence(cell, steps: 3, batch: 2, hidden: 5, isReversed: false)
    let (width, states) = (cell.gateCount * 5, 2 * 5)
    let (gates, bias, ofOutputs) = (numbers.floats(3 * 2 * width), numbers.floats(width), numbers.floats(3 * states))
    try check(width * 5) { native, weights, packed in
      let inputs = Recurrence.Inputs(
        weight: weights.pointer, packed: packed, bias: cell == .gru ? UnsafePointer(bias.pointer) : nil, hidden: nil,
        cell: nil)
      let (own, outputs, cells) = (GuardedBuffer(gates.values), GuardedBuffer(3 * states), GuardedBuffer(states))
      let memory = GuardedBuffer(loop.memoryCount)
      try native.recur(
        loop, inputs, gates: own.pointer, outputs: outputs.pointer, cells: cells.pointer, memory: memory.pointer)
      let (toGates, toProducts) = (GuardedBuffer(gates.count), GuardedBuffer(gates.count))
      let (toHidden, toCell) = (GuardedBuffer(states), GuardedBuffer(states))
      try native.recurrenceGradient(
        loop, inputs, outputs: outputs.pointer, memory: memory.pointer, ofOutputs: ofOutputs.pointer, ofCell: nil,
        into: .init(
          gates: toGates.pointer, products: cell == .gru ? toProducts.pointer : toGates.pointer,
          hidden: toHidden.pointer,
          cell: toCell.pointer))
      return GuardedBuffer(outputs.values + toGates.values + toHidden.values)
    }
  }
}
