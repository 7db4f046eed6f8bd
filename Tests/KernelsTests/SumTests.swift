import Testing

@testable import Kernels
@testable import TestSupport

@Suite("Sums of rows and columns")
struct SumTests {
  /// Small integers, whose float32 sums are exact in any order.
  private static func whole(_ count: Int, _ numbers: inout SeededNumbers) -> GuardedBuffer {
    GuardedBuffer((0..<count).map { _ in Float(numbers.int(-50...50)) })
  }

  @Test("Every element counts once, whatever the extents", arguments: 0..<6)
  func exact(seed: Int) {
    var numbers = SeededNumbers(UInt64(seed))
    for _ in 0..<20 {
      let (outer, count) = (numbers.int(0...2), numbers.int(0...1) == 0 ? numbers.int(0...9) : numbers.int(0...400))
      let inner = numbers.int(0...3) == 0 ? numbers.int(1...1100) : numbers.int(0...70)
      let input = Self.whole(outer * count * inner, &numbers)
      let (result, wanted) = (GuardedBuffer(outer * inner), GuardedBuffer(outer * inner))
      ColumnSum.sum(outer: outer, count: count, inner: inner, input.pointer, into: result.pointer)
      for place in 0..<outer * inner {
        let start = place / inner * count * inner + place % inner
        wanted.pointer[place] = (0..<count).reduce(0) { $0 + input.pointer[start + $1 * inner] }
      }
      expectNear(result, wanted, tolerance: 0, "sum of [\(outer), \(count), \(inner)]")
    }
  }

  @Test("Rows of every length", arguments: [0, 1, 15, 16, 63, 64, 100, 1023, 1024, 1025, 5000])
  func rows(count: Int) {
    var numbers = SeededNumbers(7)
    let input = Self.whole(3 * count, &numbers)
    let (result, wanted) = (GuardedBuffer(3), GuardedBuffer(3))
    RowSum.sum(rows: 3, count: count, input.pointer, into: result.pointer)
    for row in 0..<3 { wanted.pointer[row] = (0..<count).reduce(0) { $0 + input.pointer[row * count + $1] } }
    expectNear(result, wanted, tolerance: 0, "rows of \(count)")
  }

  @Test("An infinity and NaN come through")
  func infinity() {
    for value in [Float.infinity, .nan] {
      func isExpected(_ sum: Float) -> Bool { sum == value || sum.isNaN && value.isNaN }
      let input = GuardedBuffer([Float](repeating: 1, count: 6000))
      input.pointer[4001] = value
      let result = GuardedBuffer(2)
      RowSum.sum(rows: 1, count: 6000, input.pointer, into: result.pointer)
      #expect(isExpected(result.pointer[0]))
      ColumnSum.sum(outer: 1, count: 3000, inner: 2, input.pointer, into: result.pointer)
      #expect(result.pointer[0] == 3000 && isExpected(result.pointer[1]))
    }
  }
}
