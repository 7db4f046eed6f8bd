import Kernels
import Testing

@testable import TestSupport

@Suite("Pooling against the reference")
struct PoolingTests {
  private static func randomShape(_ numbers: inout SeededNumbers) -> PoolingShape {
    while true {
      let kernel = numbers.pair(1...4)
      let isTiling = numbers.int(0...2) == 0
      let shape = PoolingShape(
        batch: numbers.int(1...3), channels: numbers.int(0...3) == 0 ? 16 : numbers.int(1...7),
        inHeight: numbers.int(1...11), inWidth: numbers.int(1...11), kernel: kernel,
        stride: isTiling ? kernel : numbers.pair(1...3),
        padding: isTiling ? [0, 0] : [numbers.int(0...kernel[0] / 2), numbers.int(0...kernel[1] / 2)])
      if shape.outHeight > 0 && shape.outWidth > 0 { return shape }
    }
  }

  private static func check(
    _ kind: Pooling, _ shape: PoolingShape, _ plain: GuardedBuffer, _ numbers: inout SeededNumbers
  ) throws {
    for layout in ImageLayout.allCases {
      var shape = shape
      shape.layout = layout
      let input = plain.arranged(shape.input, layout)
      let gradient = numbers.images(shape.output, layout)
      func passes(_ kernels: any Backend) throws -> (output: GuardedBuffer, gradient: GuardedBuffer) {
        let workspace = UnsafeMutableRawPointer.allocate(
          byteCount: max(try kernels.poolingWorkspaceByteCount(kind, shape), 64), alignment: 64)
        defer { workspace.deallocate() }
        let (output, back) = (GuardedBuffer(gradient.count), GuardedBuffer(input.count))
        try kernels.pool(kind, shape, input: input.pointer, output: output.pointer, workspace: workspace)
        try kernels.poolingGradient(
          kind, shape, outputGradient: gradient.pointer, inputGradient: back.pointer, workspace: workspace)
        return (output, back)
      }
      let wanted = try passes(Reference())
      for backend in BackendName.fast {
        let found = try passes(backend.kernels)
        expectNear(found.output, wanted.output, tolerance: 1e-6, "\(backend): \(kind) \(shape)")
        expectNear(found.gradient, wanted.gradient, tolerance: 1e-6, "\(backend): gradient of \(kind) \(shape)")
      }
    }
  }

  @Test("Random shapes, both directions", arguments: Pooling.allCases, 0..<4)
  func randomShapes(kind: Pooling, seed: Int) throws {
    var numbers = SeededNumbers(UInt64(seed))
    for _ in 0..<40 {
      let shape = Self.randomShape(&numbers)
      let input = numbers.floats(shape.batch * shape.inHeight * shape.inWidth * shape.channels)
      try Self.check(kind, shape, input, &numbers)
    }
  }

  @Test("Of equal maxima the first gets the gradient")
  func ties() throws {
    var numbers = SeededNumbers(3)
    for _ in 0..<20 {
      let shape = Self.randomShape(&numbers)
      let input = numbers.floats(shape.batch * shape.inHeight * shape.inWidth * shape.channels)
      for index in 0..<input.count { input.pointer[index] = (input.pointer[index] * 2).rounded() }
      try Self.check(.maximum, shape, input, &numbers)
    }
  }

  @Test("All negative inputs with padding: the padding is no sample of a maximum")
  func negative() throws {
    var numbers = SeededNumbers(4)
    let shape = PoolingShape(
      batch: 2, channels: 3, inHeight: 5, inWidth: 4, kernel: [3, 3], stride: [2, 2], padding: [1, 1])
    try Self.check(.maximum, shape, numbers.floats(2 * 5 * 4 * 3, in: -9 ... -1), &numbers)
  }

  @Test("NaN and infinities are what the reference makes of them, both directions", arguments: 0..<4)
  func notFinite(seed: Int) throws {
    var numbers = SeededNumbers(UInt64(90 + seed))
    for _ in 0..<30 {
      let shape = Self.randomShape(&numbers)
      let input = numbers.floats(shape.batch * shape.inHeight * shape.inWidth * shape.channels)
      // Few of them, or nothing else.
      let share = numbers.int(0...1) == 0 ? 10 : 1
      for index in 0..<input.count where numbers.int(1...share) == 1 {
        input.pointer[index] = [Float.nan, -.infinity, -.infinity, .infinity][numbers.int(0...3)]
      }
      try Self.check(.maximum, shape, input, &numbers)
    }
  }

  @Test("Whether numbers are finite", arguments: [0, 1, 15, 16, 17, 100])
  func finite(count: Int) {
    var numbers = SeededNumbers(5)
    let values = numbers.floats(count, in: -1e38...1e38)
    #expect(Finite.all(values.pointer, count: count))
    for place in 0..<count {
      for odd in [Float.nan, .infinity, -.infinity] {
        let kept = values.pointer[place]
        values.pointer[place] = odd
        #expect(!Finite.all(values.pointer, count: count))
        values.pointer[place] = kept
      }
    }
  }
}
