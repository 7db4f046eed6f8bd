import Kernels
import Testing

@testable import TestSupport

@Suite("Activations and loops against the reference")
struct ElementwiseTests {
  @Test("Activations over random lengths and the whole range", arguments: BackendName.fast, Activation.allCases)
  func activations(backend: BackendName, _ activation: Activation) throws {
    var numbers = SeededNumbers(11)
    for count in [1, 2, 7, 8, 15, 16, 17, 31, 100, 1000] {
      for range: ClosedRange<Float> in [-1...1, -20...20, -1e-3...1e-3] {
        let input = numbers.floats(count, in: range)
        let (result, wanted) = (GuardedBuffer(count), GuardedBuffer(count))
        try backend.kernels.apply(activation, input.pointer, into: result.pointer, count: count)
        try Reference().apply(activation, input.pointer, into: wanted.pointer, count: count)
        expectNear(result, wanted, tolerance: 2e-6, "\(backend): \(activation) of \(count) in \(range)")
      }
    }
  }

  @Test("Activations of extreme numbers", arguments: BackendName.fast, Activation.allCases)
  func extremes(backend: BackendName, _ activation: Activation) throws {
    let input = GuardedBuffer([0, -0.0, 80, -80, 200, -200, 1e30, -1e30, .infinity, -.infinity, 2e-38])
    let (result, wanted) = (GuardedBuffer(input.count), GuardedBuffer(input.count))
    try backend.kernels.apply(activation, input.pointer, into: result.pointer, count: input.count)
    try Reference().apply(activation, input.pointer, into: wanted.pointer, count: input.count)
    expectNear(result, wanted, tolerance: 1e-5, "\(backend): \(activation) of extremes")
  }

  @Test("NaN stays NaN, so that a diverged training shows", arguments: BackendName.fast, Activation.allCases)
  func notANumber(backend: BackendName, _ activation: Activation) throws {
    for count in [1, 5, 16, 33] {
      let input = GuardedBuffer([Float](repeating: .nan, count: count))
      let result = GuardedBuffer([Float](repeating: 0, count: count))
      try backend.kernels.apply(activation, input.pointer, into: result.pointer, count: count)
      let kept = result.values.filter { $0.isNaN }.count
      #expect(kept == count, "\(backend): \(activation) of NaN: \(result.values)")
    }
  }

  @Test("Row sums", arguments: [0, 1, 7, 15, 16, 17, 33, 1000])
  func rowSums(count: Int) {
    var numbers = SeededNumbers(5)
    let input = numbers.floats(3 * count)
    let result = GuardedBuffer(3)
    RowSum.sum(rows: 3, count: count, input.pointer, into: result.pointer)
    let wanted = GuardedBuffer(
      (0..<3).map { row in Float((0..<count).reduce(0.0) { $0 + Double(input.pointer[row * count + $1]) }) })
    expectNear(result, wanted, tolerance: 1e-5, "sum of \(count)")
  }

  @Test("Strided loops visit each element once, in row-major order", arguments: 0..<4)
  func stridedLoops(seed: Int) {
    var numbers = SeededNumbers(UInt64(seed))
    for _ in 0..<100 {
      let rank = numbers.int(0...4)
      let extents = (0..<rank).map { _ in numbers.int(0...4) }
      // Strides of a tensor whose axes were permuted, and of one that repeats some of its axes.
      var dense = [Int](repeating: 0, count: rank)
      var size = 1
      for axis in (0..<rank).shuffled(using: &numbers) {
        dense[axis] = size
        size *= max(extents[axis], 1)
      }
      let repeated = dense.map { numbers.int(0...2) == 0 ? 0 : $0 }
      let places = Self.places(extents)
      let source = numbers.floats(size)
      let result = GuardedBuffer(places.count)
      Loops.combine(extents: extents, source.pointer, dense, source.pointer, repeated, into: result.pointer) { $0 - $1 }
      let wanted = places.map { place in
        source.pointer[zip(place, dense).reduce(0) { $0 + $1.0 * $1.1 }]
          - source.pointer[zip(place, repeated).reduce(0) { $0 + $1.0 * $1.1 }]
      }
      #expect(result.values == wanted && result.guardsAreIntact, "extents \(extents), strides \(dense), \(repeated)")
    }
  }

  /// All indices in row-major order.
  private static func places(_ extents: [Int]) -> [[Int]] {
    extents.reduce([[]]) { places, extent in places.flatMap { place in (0..<extent).map { place + [$0] } } }
  }
}
