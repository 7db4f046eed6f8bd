import Testing

@testable import Kernels
@testable import TestSupport

@Suite("Copies between any strides")
struct CopyingTests {
  /// Row-major strides of axes that lie in the order of `axes`, in memory with a gap behind each row.
  private func strides(_ extents: [Int], in axes: [Int], gap: Int) -> [Int] {
    var (strides, step) = ([Int](repeating: 1, count: extents.count), 1)
    for axis in axes.reversed() {
      strides[axis] = step
      step = step * max(extents[axis], 1) + gap
    }
    return strides
  }

  @Test("Every element arrives at its place, and nothing beside it is touched", arguments: 0..<4)
  func places(seed: Int) {
    var numbers = SeededNumbers(UInt64(seed))
    for _ in 0..<100 {
      let extents = (0..<numbers.int(0...4)).map { _ in [0, 1, 2, 3, 7, 8, 9, 11][numbers.int(0...7)] }
      let orders = (0..<2).map { _ in
        extents.indices.map { (axis: $0, key: numbers.int(0...999)) }.sorted { $0.key < $1.key }.map(\.axis)
      }
      let (from, to, gap) = (orders[0], orders[1], numbers.int(0...1))
      let (fromStrides, toStrides) = (strides(extents, in: from, gap: gap), strides(extents, in: to, gap: gap))
      let source = (0..<40_000).map { Int32($0) }
      var (target, expected) = ([Int32](repeating: -1, count: 40_000), [Int32](repeating: -1, count: 40_000))
      Loops.copy(extents: extents, source, fromStrides, into: &target, toStrides)
      var indices = [[Int]]([[]])
      for extent in extents { indices = indices.flatMap { index in (0..<extent).map { index + [$0] } } }
      for index in indices {
        let (a, b) = (zip(index, fromStrides).map(*).reduce(0, +), zip(index, toStrides).map(*).reduce(0, +))
        expected[b] = source[a]
      }
      #expect(target == expected, "extents \(extents), strides \(fromStrides) and \(toStrides)")
    }
  }
}
