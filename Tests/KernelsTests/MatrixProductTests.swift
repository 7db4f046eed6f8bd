import Kernels
import Testing

@testable import TestSupport

@Suite("Matrix product against the reference")
struct MatrixProductTests {
  @Test("Random shapes, strides and transposes", arguments: BackendName.fast, 0..<6)
  func randomShapes(backend: BackendName, seed: Int) throws {
    var numbers = SeededNumbers(UInt64(seed))
    for _ in 0..<60 {
      let (rows, columns, inner) = (numbers.int(1...40), numbers.int(1...40), numbers.int(0...40))
      let left = Self.operand(rows, inner, &numbers)
      let right = Self.operand(inner, columns, &numbers)
      for accumulating in [false, true] {
        let start = numbers.floats(rows * columns)
        let (result, wanted) = (GuardedBuffer(start.values), GuardedBuffer(start.values))
        if !accumulating { result.pointer.update(repeating: .nan, count: rows * columns) }
        try backend.kernels.multiply(
          rows: rows, columns: columns, inner: inner, left.operand, right.operand, into: result.pointer,
          accumulating: accumulating)
        try Reference().multiply(
          rows: rows, columns: columns, inner: inner, left.operand, right.operand, into: wanted.pointer,
          accumulating: accumulating)
        expectNear(result, wanted, tolerance: 2e-5, "\(backend): [\(rows), \(inner)] · [\(inner), \(columns)]")
        #expect(left.buffer.guardsAreIntact && right.buffer.guardsAreIntact)
      }
    }
  }

  @Test("Products of nothing", arguments: [(0, 3, 2), (3, 0, 2), (2, 3, 0)], BackendName.allCases)
  func empty(extents: (rows: Int, columns: Int, inner: Int), backend: BackendName) throws {
    let (rows, columns, inner) = extents
    let (left, right) = (GuardedBuffer(rows * inner), GuardedBuffer(inner * columns))
    let result = GuardedBuffer(rows * columns)
    try backend.kernels.multiply(
      rows: rows, columns: columns, inner: inner,
      .init(left.pointer, isTransposed: false, rowStride: max(inner, 1)),
      .init(right.pointer, isTransposed: false, rowStride: max(columns, 1)), into: result.pointer,
      accumulating: false)
    #expect(result.values == [Float](repeating: 0, count: rows * columns) && result.guardsAreIntact)
  }

  @Test("Transposition", arguments: BackendName.fast, [(1, 1), (3, 5), (17, 33), (0, 4)])
  func transposes(backend: BackendName, extents: (rows: Int, columns: Int)) throws {
    var numbers = SeededNumbers(9)
    let (rows, columns) = extents
    let matrix = numbers.floats(rows * columns)
    let (result, wanted) = (GuardedBuffer(matrix.count), GuardedBuffer(matrix.count))
    try backend.kernels.transpose(rows: rows, columns: columns, matrix.pointer, into: result.pointer)
    try Reference().transpose(rows: rows, columns: columns, matrix.pointer, into: wanted.pointer)
    #expect(result.values == wanted.values && result.guardsAreIntact && wanted.guardsAreIntact)
  }

  private static func operand(
    _ rows: Int, _ columns: Int, _ numbers: inout SeededNumbers
  ) -> (buffer: GuardedBuffer, operand: MatrixOperand) {
    let isTransposed = numbers.int(0...1) == 1
    let (lines, width) = isTransposed ? (columns, rows) : (rows, columns)
    let stride = max(width, 1) + numbers.int(0...3)
    // The last line may end the memory at its width, without the gap that follows the others.
    let buffer = numbers.floats(max((lines - 1) * stride + width, 0))
    return (buffer, .init(buffer.pointer, isTransposed: isTransposed, rowStride: stride))
  }
}
