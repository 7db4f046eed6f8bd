import Testing

@testable import Kernels
@testable import TestSupport

/// Products are what the naive loop says, bit for bit, on every instruction set.
@Suite("Native products against their definition")
struct NativeProductTests {
  /// How the right factor comes.
  private enum Factor: CaseIterable { case asItLies, packed, kept }

  private struct Product {
    let rows, columns, inner: Int
    let left, right: Matrix
    let start: GuardedBuffer

    init(
      _ rows: Int, _ columns: Int, _ inner: Int, _ kind: Numbers, turned: Bool? = nil, _ numbers: inout SeededNumbers
    ) {
      (self.rows, self.columns, self.inner) = (rows, columns, inner)
      left = Matrix(rows, inner, kind, &numbers)
      right = Matrix(inner, columns, kind, turned: turned, &numbers)
      start = numbers.floats(rows * columns, kind)
    }

    /// The definition: each output is one chain, ascending.
    func defined(accumulating: Bool) -> GuardedBuffer {
      let result = GuardedBuffer(start.values)
      for row in 0..<rows {
        for column in 0..<columns {
          var sum = accumulating ? start.pointer[row * columns + column] : 0
          for k in 0..<inner { sum = sum.addingProduct(left[row, k], right[k, column]) }
          result.pointer[row * columns + column] = sum
        }
      }
      return result
    }

    func computed(
      by native: Native, _ factor: Factor, accumulating: Bool, _ numbers: inout SeededNumbers
    ) throws -> GuardedBuffer {
      let result = numbers.space(rows * columns)
      if accumulating { result.pointer.update(from: start.pointer, count: start.count) }
      let right = right.operand(factor == .kept ? PackedWeights() : nil)
      if factor == .packed {
        native.withFactor(MatrixFactor(right, inner: inner, columns: columns), uses: 2) {
          native.multiply(rows: rows, left.operand(), $0, into: result.pointer, accumulating: accumulating)
        }
      } else {
        try native.multiply(
          rows: rows, columns: columns, inner: inner, left.operand(), right, into: result.pointer,
          accumulating: accumulating)
      }
      return result
    }
  }

  /// A factor whose rows in memory may have gaps behind them.
  private struct Matrix {
    let buffer: GuardedBuffer
    let isTransposed: Bool
    let stride: Int

    init(_ rows: Int, _ columns: Int, _ kind: Numbers, turned: Bool? = nil, _ numbers: inout SeededNumbers) {
      isTransposed = turned ?? (numbers.int(0...1) == 1)
      let (lines, width) = isTransposed ? (columns, rows) : (rows, columns)
      stride = max(width, 1) + (numbers.int(0...1) == 0 ? 0 : numbers.int(1...9))
      buffer = numbers.floats(max((lines - 1) * stride + width, 0), kind)
    }

    func operand(_ packed: PackedWeights? = nil) -> MatrixOperand {
      MatrixOperand(buffer.pointer, isTransposed: isTransposed, rowStride: stride, packed: packed)
    }

    subscript(row: Int, column: Int) -> Float {
      buffer.pointer[isTransposed ? column * stride + row : row * stride + column]
    }
  }

  /// Which are the left factor of the turned product.
  @Test(
    "Weights that lie in no cache, and a few rows", arguments: [(3, 1_027, 1_031), (1, 700, 1_500), (2, 16, 65_536)])
  func largeFactors(rows: Int, columns: Int, inner: Int) throws {
    var numbers = SeededNumbers(18)
    try check(Product(rows, columns, inner, .usual, turned: true, &numbers), &numbers)
  }

  private func check(_ product: Product, _ numbers: inout SeededNumbers) throws {
    for accumulating in [false, true] {
      let wanted = product.defined(accumulating: accumulating)
      for instructions in InstructionSet.available {
        for factor in Factor.allCases {
          let found = try product.computed(
            by: Native(KernelOptions(), instructions), factor, accumulating: accumulating, &numbers)
          expectSame(
            found, wanted,
            "\(instructions), \(factor): [\(product.rows), \(product.inner)] · [\(product.inner), \(product.columns)], "
              + "turned \(product.left.isTransposed) \(product.right.isTransposed), added \(accumulating)")
        }
      }
    }
    #expect(product.left.buffer.guardsAreIntact && product.right.buffer.guardsAreIntact)
  }

  @Test("Random shapes, strides and transposes", arguments: Numbers.allCases, 0..<3)
  func randomShapes(kind: Numbers, seed: Int) throws {
    var numbers = SeededNumbers(UInt64(seed))
    for _ in 0..<16 {
      let (rows, columns, inner) = (numbers.few(30), numbers.few(120), numbers.int(0...30))
      try check(Product(rows, columns, inner, kind, &numbers), &numbers)
    }
  }

  /// Each rest of rows beside a tile's, of columns beside a vector's and a panel's.
  @Test("All tails", arguments: 1...17)
  func tails(rows: Int) throws {
    var numbers = SeededNumbers(UInt64(rows))
    for columns in Array(1...17) + [31, 32, 33, 47, 48, 49, 63, 64, 65] {
      try check(Product(rows, columns, numbers.int(1...3), .usual, &numbers), &numbers)
    }
  }

  /// Beyond 512 a chain goes on from what the block before it left; one of few rows has no blocks.
  @Test("Long chains", arguments: [(3, 5, 10_000), (17, 9, 513), (20, 17, 1100), (33, 50, 512), (2, 1, 0), (18, 3, 0)])
  func long(rows: Int, columns: Int, inner: Int) throws {
    var numbers = SeededNumbers(UInt64(inner))
    try check(Product(rows, columns, inner, .usual, &numbers), &numbers)
    try check(Product(rows, columns, inner, .usual, &numbers), &numbers)
  }
}
