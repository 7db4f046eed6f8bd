import CVectors
import Testing

@testable import Kernels
@testable import TestSupport

/// Pooling is what the naive loops say, bit for bit, on every instruction set and in any number of parts.
@Suite("Native pooling against its definition")
struct NativePoolingTests {
  /// The loops, and what they read.
  private struct Definition {
    let kind: Pooling
    let shape: PoolingShape
    let input, gradient: GuardedBuffer

    /// What a window sees, row by row, as pixels of the image.
    private func window(_ y: Int, _ x: Int) -> [[Int]] {
      let (top, left) = (y * shape.stride[0] - shape.padding[0], x * shape.stride[1] - shape.padding[1])
      let rows = (top..<top + shape.kernel[0]).filter { (0..<shape.inHeight).contains($0) }
      let columns = (left..<left + shape.kernel[1]).filter { (0..<shape.inWidth).contains($0) }
      return columns.isEmpty ? [] : rows.map { row in columns.map { row * shape.inWidth + $0 } }
    }

    /// The gradient of each pixel begins at +0, and windows add to it in their order.
    func run() -> (output: GuardedBuffer, winners: [Int32], inputGradient: GuardedBuffer) {
      let (channels, pixels) = (shape.channels, shape.inHeight * shape.inWidth)
      let output = GuardedBuffer(gradient.count)
      let inputGradient = GuardedBuffer([Float](repeating: 0, count: input.count))
      var (winners, place): ([Int32], Int) = ([], 0)
      for image in 0..<shape.batch {
        for y in 0..<shape.outHeight {
          for x in 0..<shape.outWidth {
            let window = window(y, x)
            let inside = window.joined().count
            let divisor = Float(kind == .average ? shape.kernel[0] * shape.kernel[1] : inside)
            for channel in 0..<channels {
              func index(_ pixel: Int) -> Int { (image * pixels + pixel) * channels + channel }
              if kind == .maximum {
                let winner = winner(window.joined().map { ($0, input.pointer[index($0)]) })
                output.pointer[place] = winner?.value ?? -.infinity
                winners.append(Int32(winner?.pixel ?? -1))
                if let winner { inputGradient.pointer[index(winner.pixel)] += gradient.pointer[place] }
              } else {
                let rows = window.map { $0.reduce(Float(0)) { $0 + input.pointer[index($1)] } }
                output.pointer[place] = rows.reduce(0, +) / divisor
                for pixel in window.joined() {
                  inputGradient.pointer[index(pixel)] += gradient.pointer[place] / divisor
                }
              }
              place += 1
            }
          }
        }
      }
      return (output, winners, inputGradient)
    }

    /// The first of the greatest; NaN is greater than anything, and the last one wins.
    private func winner(_ samples: [(pixel: Int, value: Float)]) -> (pixel: Int, value: Float)? {
      samples.dropFirst().reduce(samples.first) { most, sample in
        guard let most, !(sample.value > most.value), !sample.value.isNaN else { return sample }
        return most
      }
    }
  }

  private static func randomShape(_ numbers: inout SeededNumbers) -> PoolingShape {
    var shape = PoolingShape(
      batch: numbers.few(4), channels: numbers.few(numbers.int(0...1) == 0 ? 20 : 70), inHeight: numbers.few(9),
      inWidth: numbers.few(10), kernel: [], stride: [], padding: [])
    for _ in 0..<2 {
      shape.kernel.append(numbers.few(5))
      shape.stride.append(numbers.few(4))
      shape.padding.append(numbers.int(0...1) == 0 ? 0 : numbers.int(0...3))
    }
    return shape
  }

  @Test("Random shapes, both directions", arguments: Pooling.allCases, Numbers.allCases)
  func randomShapes(pooling: Pooling, kind: Numbers) {
    var numbers = SeededNumbers(UInt64(pooling.rawValue))
    for round in 0..<30 {
      let shape = Self.randomShape(&numbers)
      let input = numbers.floats(shape.input.elementCount(.channelsLast), kind)
      // Many equal ones.
      if round % 3 == 0 { for index in 0..<input.count { input.pointer[index] = (input.pointer[index] * 2).rounded() } }
      let gradient = numbers.floats(shape.output.elementCount(.channelsLast), kind)
      let definition = Definition(kind: pooling, shape: shape, input: input, gradient: gradient)
      let wanted = definition.run()
      for instructions in InstructionSet.available {
        let parts = numbers.few(4)
        let what = "\(instructions), \(parts) parts, \(pooling), \(kind): \(shape)"
        let found = run(definition, instructions, parts: parts, &numbers)
        expectSame(found.output, wanted.output, "output, \(what)")
        expectSame(found.inputGradient, wanted.inputGradient, "gradient, \(what)")
        #expect(found.winners == wanted.winners, "winners, \(what)")
      }
      #expect(input.guardsAreIntact && gradient.guardsAreIntact)
    }
  }

  /// Parts from the last to the first: none may write into another's.
  private func run(
    _ definition: Definition, _ instructions: InstructionSet, parts: Int, _ numbers: inout SeededNumbers
  ) -> (output: GuardedBuffer, winners: [Int32], inputGradient: GuardedBuffer) {
    let kernels = instructions.kernels.pointee
    let (output, result) = (numbers.space(definition.gradient.count), numbers.space(definition.input.count))
    let (input, gradient) = (definition.input.pointer, definition.gradient.pointer)
    let winners = numbers.space(output.count)
    let counts: Int32 = definition.kind == .average ? 1 : 0
    winners.pointer.withMemoryRebound(to: Int32.self, capacity: max(output.count, 1)) { winners in
      withUnsafePointer(to: definition.shape.native) { shape in
        for part in (0..<parts).reversed() {
          if definition.kind == .maximum {
            kernels.pool_maximum(shape, input, output.pointer, winners, part, parts)
          } else {
            kernels.pool_average(shape, counts, input, output.pointer, part, parts)
          }
        }
        for part in (0..<parts).reversed() {
          if definition.kind == .maximum {
            kernels.pool_maximum_back(shape, gradient, winners, result.pointer, part, parts)
          } else {
            kernels.pool_average_back(shape, counts, gradient, result.pointer, part, parts)
          }
        }
      }
    }
    #expect(winners.guardsAreIntact)
    let pixels = (0..<winners.count).map { Int32(bitPattern: winners.pointer[$0].bitPattern) }
    return (output, definition.kind == .maximum ? pixels : [], result)
  }
}
